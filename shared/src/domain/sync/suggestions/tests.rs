use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What is proposed for each of our fields, and how sure that is. Ours are `name` or `name:type`.
fn proposed(records: Value, wanted: &[&str]) -> Vec<(String, String, f64)> {
    let wanted: Vec<_> = wanted.iter().map(|text| ours(text)).collect();
    let sources = source_fields(records.as_array().unwrap());
    let suggestions = suggest(&sources, &wanted);
    let said = suggestions.into_iter().map(|suggestion| {
        let from = suggestion.mapping.from.to_string();
        (suggestion.field, from, suggestion.score)
    });
    said.collect()
}

fn ours(text: &str) -> WantedField {
    let (name, field_type) = text.split_once(':').unwrap_or((text, ""));
    WantedField {
        name: name.to_owned(),
        field_type: serde_json::from_value(json!(field_type)).ok(),
    }
}

fn assert_proposed(records: Value, wanted: &[&str], expected: &[(&str, &str)]) {
    let mut found = proposed(records, wanted);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let pairs: Vec<_> = found
        .iter()
        .map(|(field, from, _)| (&**field, &**from))
        .collect();
    assert_eq!(pairs, expected, "{found:?}");
    assert!(
        found
            .iter()
            .all(|(_, _, score)| (MIN_SCORE..=1.0).contains(score))
    );
}

#[test]
fn a_hubspot_contact() {
    let records = json!([
        {"id": "51", "archived": false, "createdAt": "2024-01-31T09:30:00.000Z",
         "updatedAt": "2025-01-31T09:30:00.000Z", "properties": {
            "email": "ada@example.com", "firstname": "Ada", "lastname": "Byron", "company": "Acme",
            "phone": "+49 30 123456", "zip": "10115", "hs_object_id": "51", "numemployees": "12",
            "website": "https://example.com", "jobtitle": "Engineer", "hs_lead_status": "OPEN"}},
        {"id": "52", "archived": false, "createdAt": "2024-02-01T09:30:00.000Z",
         "updatedAt": "2025-01-31T09:30:00.000Z", "properties": {
            "email": "bob@example.org", "firstname": "Bob", "lastname": null, "company": "",
            "phone": null, "zip": "20095", "hs_object_id": "52", "numemployees": "",
            "website": "http://example.org/x", "jobtitle": "", "hs_lead_status": null}},
    ]);
    let wanted = [
        "mail",
        "givenName",
        "familyName",
        "telephone",
        "postalCode",
        "organization",
        "position",
        "employees:integer",
        "created:timestamp",
        "modified:timestamp",
        "homepage",
        "externalId",
        "deleted:boolean",
        "favouriteDrink",
    ];
    assert_proposed(
        records,
        &wanted,
        &[
            ("created", "createdAt"),
            ("deleted", "archived"),
            ("employees", "properties.numemployees"),
            ("familyName", "properties.lastname"),
            ("givenName", "properties.firstname"),
            ("homepage", "properties.website"),
            ("mail", "properties.email"),
            ("modified", "updatedAt"),
            ("organization", "properties.company"),
            ("position", "properties.jobtitle"),
            ("postalCode", "properties.zip"),
            ("telephone", "properties.phone"),
        ],
    );
}

#[test]
fn a_salesforce_account() {
    let records = json!([{
        "attributes": {"type": "Account", "url": "/services/data/v60.0/sobjects/Account/001"},
        "Id": "001xx000003DGbYAAW", "Name": "Acme", "Phone": "(555) 123-4567", "Fax": null,
        "BillingCity": "Berlin", "BillingCountryCode": "DE", "BillingPostalCode": "10115",
        "ShippingCity": "Hamburg", "NumberOfEmployees": 12, "AnnualRevenue": 1_000_000.5,
        "CurrencyIsoCode": "EUR", "IsDeleted": false, "CreatedDate": "2024-01-31T09:30:00.000+0000",
        "SystemModstamp": "2025-01-31T09:30:00.000+0000", "Customer_Tier__c": "gold",
    }]);
    let wanted = [
        "id",
        "name",
        "phone",
        "billing_city",
        "shipping_city",
        "billing_postal_code",
        "headcount:integer",
        "annual_revenue:number",
        "currency",
        "is_deleted:boolean",
        "created_at:timestamp",
        "updated_at:timestamp",
        "customerTier",
    ];
    assert_proposed(
        records,
        &wanted,
        &[
            ("annual_revenue", "AnnualRevenue"),
            ("billing_city", "BillingCity"),
            ("billing_postal_code", "BillingPostalCode"),
            ("created_at", "CreatedDate"),
            ("currency", "CurrencyIsoCode"),
            ("customerTier", "Customer_Tier__c"),
            ("headcount", "NumberOfEmployees"),
            ("id", "Id"),
            ("is_deleted", "IsDeleted"),
            ("name", "Name"),
            ("phone", "Phone"),
            ("shipping_city", "ShippingCity"),
            ("updated_at", "SystemModstamp"),
        ],
    );
}

#[test]
fn a_scim_user() {
    let records = json!([{
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "2819c223-7f76-453a-919d-413861904646", "userName": "bjensen@example.com",
        "name": {"formatted": "Ms. Barbara Jensen", "familyName": "Jensen", "givenName": "Barbara"},
        "displayName": "Babs Jensen", "active": true, "locale": "en-US", "title": "Tour Guide",
        "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}],
        "phoneNumbers": [{"value": "555-555-5555", "type": "work"}],
        "addresses": [{"streetAddress": "100 Universal City Plaza", "locality": "Hollywood",
            "region": "CA", "postalCode": "91608", "country": "USA"}],
        "meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z"},
    }]);
    let wanted = [
        "firstName",
        "lastName",
        "email",
        "phone",
        "enabled:boolean",
        "language",
        "jobTitle",
        "zip",
        "city",
        "state",
        "createdAt:timestamp",
        "updatedAt:timestamp",
        "login",
        "id",
    ];
    assert_proposed(
        records,
        &wanted,
        &[
            ("city", "addresses[0].locality"),
            ("createdAt", "meta.created"),
            ("email", "emails[0].value"),
            ("enabled", "active"),
            ("firstName", "name.givenName"),
            ("id", "id"),
            ("jobTitle", "title"),
            ("language", "locale"),
            ("lastName", "name.familyName"),
            ("login", "userName"),
            ("phone", "phoneNumbers[0].value"),
            ("state", "addresses[0].region"),
            ("updatedAt", "meta.lastModified"),
            ("zip", "addresses[0].postalCode"),
        ],
    );
}

#[test]
fn samples_tell_where_names_do_not() {
    let records = json!([
        {"contact_point": "ada@example.com", "col_7": "https://example.com", "n": "12"},
        {"contact_point": "bob@example.com", "col_7": "https://example.org", "n": "13"},
    ]);
    assert_proposed(
        records,
        &["email", "website", "phone"],
        &[("email", "contact_point"), ("website", "col_7")],
    );
    // What looks like something else is not proposed, whatever it is called.
    let records = json!([{"email": true, "created": "yes", "amount": "a lot"}]);
    assert_proposed(
        records,
        &["email", "created:timestamp", "amount:number"],
        &[],
    );
}

#[test]
fn each_field_is_proposed_once_and_the_best_pair_wins() {
    let records = json!([{"email": "a@example.com", "secondary_email": "b@example.com"}]);
    let found = proposed(records.clone(), &["email", "mail"]);
    assert_eq!(
        (found[0].0.as_str(), found[0].1.as_str()),
        ("email", "email")
    );
    assert_eq!(
        (found[1].0.as_str(), found[1].1.as_str()),
        ("mail", "secondary_email")
    );
    assert!(found[0].2 > found[1].2);
    assert!(proposed(records, &[]).is_empty());
    assert!(proposed(json!([]), &["email"]).is_empty());
    assert!(proposed(json!(["x", 1]), &["email"]).is_empty());
}

#[test]
fn odd_names_are_quoted() {
    let records = json!([{"e-mail": "a@example.com", "2fa": true, "": 1, "nul\0": 2}]);
    let found = proposed(records.clone(), &["email", "2fa"]);
    let names: Vec<_> = found.iter().map(|found| found.1.as_str()).collect();
    assert_eq!(names, ["\"e-mail\"", "\"2fa\""]);
    let evaluated = found.iter().map(|found| {
        let from: Expression = found.1.parse().unwrap();
        from.evaluate(&records[0]).unwrap()
    });
    assert_eq!(
        evaluated.collect::<Vec<_>>(),
        [json!("a@example.com"), json!(true)]
    );
}

proptest! {
    /// Whatever the names: one to one, in bounds, the same again, and in no order of the input's.
    #[test]
    fn proposals_are_one_to_one_and_stay_the_same(
        sources in prop::collection::btree_set("[a-z_]{1,3}(mail|name|Phone|Id|At)?", 0..12),
        wanted in prop::collection::btree_set("[a-z_]{1,3}(mail|name|Phone|Id|At)?", 0..12),
    ) {
        let fields = |reverse: bool| {
            let mut fields: Vec<_> = sources.iter()
                .map(|name| SourceField::new(name, vec![json!("x")])).collect();
            let mut wanted: Vec<_> = wanted.iter().map(|name| ours(name)).collect();
            if reverse {
                fields.reverse();
                wanted.reverse();
            }
            suggest(&fields, &wanted)
        };
        let found = fields(false);
        prop_assert_eq!(&found, &fields(true));
        let ours: BTreeSet<_> = found.iter().map(|one| &one.field).collect();
        let theirs: BTreeSet<_> = found.iter().map(|one| one.mapping.from.to_string()).collect();
        prop_assert_eq!((ours.len(), theirs.len()), (found.len(), found.len()));
        prop_assert!(found.iter().all(|one| one.score >= MIN_SCORE && one.score <= 1.0));
        prop_assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}
