//! What fields are about, by the names that providers have for it.

use super::samples::Kind;

/// What a field is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Concept {
    /// Names, in small letters and without anything between words.
    names: &'static [&'static str],
    /// What samples look like, where that can be told.
    pub(super) kind: Option<Kind>,
}

impl Concept {
    /// What a field of that name, in small letters and without anything between words, is about.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        CONCEPTS
            .iter()
            .find(|concept| concept.names.contains(&name))
    }
}

const fn about(names: &'static [&'static str]) -> Concept {
    Concept { names, kind: None }
}

const fn looks(kind: Kind, names: &'static [&'static str]) -> Concept {
    Concept {
        names,
        kind: Some(kind),
    }
}

/// No name is in two of them.
const CONCEPTS: [Concept; 34] = [
    looks(
        Kind::Email,
        &["email", "mail", "emailaddress", "mailaddress", "emails"],
    ),
    looks(
        Kind::Phone,
        &[
            "phone",
            "telephone",
            "phonenumber",
            "telephonenumber",
            "tel",
            "phonenumbers",
            "phones",
        ],
    ),
    looks(
        Kind::Phone,
        &[
            "mobile",
            "mobilephone",
            "cell",
            "cellphone",
            "mobilenumber",
            "mobilephonenumber",
        ],
    ),
    looks(
        Kind::Phone,
        &["fax", "faxnumber", "facsimiletelephonenumber"],
    ),
    about(&[
        "firstname",
        "givenname",
        "first",
        "given",
        "forename",
        "fname",
    ]),
    about(&[
        "lastname",
        "familyname",
        "surname",
        "last",
        "family",
        "sn",
        "lname",
    ]),
    about(&["middlename", "middle", "additionalname"]),
    about(&[
        "fullname",
        "displayname",
        "name",
        "commonname",
        "cn",
        "formattedname",
    ]),
    looks(
        Kind::Text,
        &[
            "username",
            "login",
            "loginname",
            "userlogin",
            "userprincipalname",
            "upn",
        ],
    ),
    about(&["salutation", "honorific", "honorificprefix", "nameprefix"]),
    about(&["title", "jobtitle", "position", "jobposition"]),
    about(&["department", "dept", "division"]),
    about(&[
        "company",
        "companyname",
        "organization",
        "organisation",
        "organizationname",
        "employer",
        "org",
        "account",
        "accountname",
    ]),
    about(&[
        "zip",
        "zipcode",
        "postal",
        "postalcode",
        "postcode",
        "zippostalcode",
    ]),
    about(&["city", "town", "locality"]),
    about(&[
        "state",
        "region",
        "province",
        "stateprovince",
        "stateorprovince",
    ]),
    looks(
        Kind::CountryCode,
        &[
            "countrycode",
            "countryiso",
            "isocountrycode",
            "countryisocode",
        ],
    ),
    about(&["country", "countryname", "countryregion"]),
    about(&[
        "street",
        "streetaddress",
        "addressline1",
        "address1",
        "addressline",
        "line1",
        "street1",
    ]),
    looks(
        Kind::Url,
        &[
            "website",
            "url",
            "web",
            "homepage",
            "websiteurl",
            "weburl",
            "webpage",
            "link",
        ],
    ),
    looks(
        Kind::CurrencyCode,
        &[
            "currency",
            "currencycode",
            "currencyisocode",
            "isocurrencycode",
        ],
    ),
    looks(
        Kind::Number,
        &[
            "amount",
            "total",
            "price",
            "value",
            "totalamount",
            "totalprice",
        ],
    ),
    looks(Kind::Integer, &["quantity", "qty", "count"]),
    looks(
        Kind::Integer,
        &[
            "employees",
            "numberofemployees",
            "employeecount",
            "headcount",
            "numemployees",
        ],
    ),
    about(&[
        "description",
        "desc",
        "notes",
        "note",
        "comments",
        "summary",
        "about",
        "bio",
    ]),
    about(&["status", "stage"]),
    looks(
        Kind::Boolean,
        &[
            "active",
            "isactive",
            "enabled",
            "isenabled",
            "accountenabled",
        ],
    ),
    looks(
        Kind::Boolean,
        &["deleted", "isdeleted", "archived", "isarchived"],
    ),
    looks(
        Kind::Timestamp,
        &["birthday", "birthdate", "dob", "dateofbirth"],
    ),
    looks(
        Kind::Timestamp,
        &[
            "created",
            "createdat",
            "createdon",
            "createddate",
            "createdate",
            "createddatetime",
            "creationdate",
            "datecreated",
            "createdtime",
            "creationtime",
        ],
    ),
    looks(
        Kind::Timestamp,
        &[
            "updated",
            "updatedat",
            "updatedon",
            "modified",
            "modifiedat",
            "modifiedon",
            "lastmodified",
            "lastmodifieddate",
            "lastmodifieddatetime",
            "modifieddate",
            "lastupdated",
            "dateupdated",
            "systemmodstamp",
            "updatedate",
            "changedat",
        ],
    ),
    about(&["language", "locale", "lang", "preferredlanguage"]),
    about(&["timezone", "tz", "timezonename"]),
    about(&["id", "identifier", "uuid", "guid", "objectid", "recordid"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_is_about_two_things() {
        let mut seen = BTreeSet::new();
        for name in CONCEPTS.iter().flat_map(|concept| concept.names) {
            assert!(seen.insert(name), "{name}");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            );
        }
    }
}
