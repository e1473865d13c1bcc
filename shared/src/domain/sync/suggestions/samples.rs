//! What values look like.

use serde_json::Value;

use super::MAX_SAMPLES;
use super::names::Name;
use crate::domain::Timestamp;
use crate::domain::sync::FieldType;

/// A longer text is a text.
const MAX_TEXT: usize = 300;

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Email,
    Url,
    Phone,
    Timestamp,
    Uuid,
    Integer,
    Number,
    Boolean,
    CountryCode,
    CurrencyCode,
    Text,
    /// A list or an object.
    Composite,
}

/// What samples say of a pair of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// They look like what is wanted.
    For,
    /// They do, and hardly anything else looks like that.
    Distinct,
    /// Nothing: there are none, or what is wanted has no look.
    None,
    /// They look like something else.
    Against,
}

/// What most samples of a field look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look(Option<Kind>);

impl Look {
    /// Of a field with such samples: what at least four fifths of them look like.
    pub(super) fn of(samples: &[Value]) -> Self {
        let kinds: Vec<_> = said(samples).map(kind).collect();
        let most = kinds
            .iter()
            .find(|kind| 5 * kinds.iter().filter(|other| other == kind).count() >= 4 * kinds.len());
        Self(most.copied().or((!kinds.is_empty()).then_some(Kind::Text)))
    }

    /// What it says of the field of ours with that name and type.
    pub(super) fn evidence(
        self,
        name: &Name,
        wanted: Option<FieldType>,
        samples: &[Value],
    ) -> Evidence {
        let Some(look) = self.0 else {
            return Evidence::None;
        };
        let fails = |wanted: FieldType| {
            let mut values = said(samples);
            values.any(|value| wanted.convert(value).is_none())
        };
        if wanted.is_some_and(fails) {
            return Evidence::Against;
        }
        match (name.concept().and_then(|concept| concept.kind), wanted) {
            (Some(kind), _) if kind == look => match kind {
                Kind::Email | Kind::Url | Kind::Phone => Evidence::Distinct,
                Kind::Text => Evidence::None,
                _ => Evidence::For,
            },
            (Some(kind), _) if kind.may_look_like(look) => Evidence::None,
            (Some(_), _) => Evidence::Against,
            // An address is no name, though both are texts.
            (None, Some(FieldType::String) | None) => match look {
                Kind::Composite if name.concept().is_some() => Evidence::Against,
                Kind::Email | Kind::Url if name.concept().is_some() => Evidence::Against,
                _ => Evidence::None,
            },
            (None, Some(_)) => Evidence::For,
        }
    }
}

/// The samples that say something.
fn said(samples: &[Value]) -> impl Iterator<Item = &Value> {
    let blank = |value: &Value| {
        value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
    };
    samples
        .iter()
        .filter(move |value| !blank(value))
        .take(MAX_SAMPLES)
}

impl Kind {
    /// Whether a field that is this may hold what looks like `other`.
    fn may_look_like(self, other: Self) -> bool {
        match self {
            Self::Number => other == Self::Integer,
            // Without a sign or a gap, a telephone number is digits.
            Self::Phone => matches!(other, Self::Integer | Self::Text),
            // Counted since 1970.
            Self::Timestamp => other == Self::Integer,
            Self::Boolean => matches!(other, Self::Integer | Self::Text),
            // Many sign in by their address.
            Self::Text => matches!(other, Self::Email | Self::Uuid | Self::Integer),
            Self::CountryCode | Self::CurrencyCode | Self::Url => other == Self::Text,
            _ => false,
        }
    }
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Boolean,
        Value::Number(_) if FieldType::Integer.convert(value).is_some() => Kind::Integer,
        Value::Number(_) => Kind::Number,
        Value::String(text) if text.len() <= MAX_TEXT => kind_of_text(text.trim()),
        Value::String(_) | Value::Null => Kind::Text,
        Value::Array(_) | Value::Object(_) => Kind::Composite,
    }
}

fn kind_of_text(text: &str) -> Kind {
    if is_email(text) {
        return Kind::Email;
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| ["http", "https"].contains(&scheme)) {
        return Kind::Url;
    }
    let is_instant = |text: &str| {
        let begins_as_date = text.as_bytes().get(4) == Some(&b'-');
        let dated = FieldType::Timestamp.convert(&Value::from(text));
        text.parse::<Timestamp>().is_ok() || (begins_as_date && dated.is_some())
    };
    match text {
        "true" | "false" => Kind::Boolean,
        _ if is_uuid(text) => Kind::Uuid,
        _ if is_instant(text) => Kind::Timestamp,
        _ if COUNTRIES.split(' ').any(|code| code == text) => Kind::CountryCode,
        _ if CURRENCIES.split(' ').any(|code| code == text) => Kind::CurrencyCode,
        _ if text.parse::<i64>().is_ok() && !text.starts_with('+') => Kind::Integer,
        _ if text.parse::<f64>().is_ok_and(f64::is_finite) && !text.starts_with('+') => {
            Kind::Number
        }
        _ if is_phone(text) => Kind::Phone,
        _ => Kind::Text,
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(|c: char| c.is_whitespace() || c == '/')
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Digits with a sign, or with gaps.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && text.len() <= 2 * digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-() ./".contains(&b))
        && text.contains(['+', ' ', '-', '(', '.'])
}

/// ISO 3166-1, two letters.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI \
    BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ \
    DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ \
    GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
    KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS \
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT \
    PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF \
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM \
    ZW";
/// ISO 4217, those in daily use.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB \
    BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR \
    FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES \
    KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR \
    MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR \
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_like_what_they_are() {
        for (value, expected) in [
            (json!("ada@example.com"), Kind::Email),
            (json!("a b@example.com"), Kind::Text),
            (json!("@example"), Kind::Text),
            (json!("https://example.com/a"), Kind::Url),
            (json!("+49 30 123456"), Kind::Phone),
            (json!("(555) 123-4567"), Kind::Phone),
            (json!("5551234567"), Kind::Integer),
            (json!("2026-01-31T09:30:00Z"), Kind::Timestamp),
            (json!("2026-01-31"), Kind::Timestamp),
            (json!("550e8400-e29b-41d4-a716-446655440000"), Kind::Uuid),
            (json!("12.50"), Kind::Number),
            (json!(12.5), Kind::Number),
            (json!(12), Kind::Integer),
            (json!("true"), Kind::Boolean),
            (json!("DE"), Kind::CountryCode),
            (json!("EUR"), Kind::CurrencyCode),
            (json!("XX"), Kind::Text),
            (json!("Berlin"), Kind::Text),
            (json!([1]), Kind::Composite),
        ] {
            assert_eq!(kind(&value), expected, "{value}");
        }
    }
}
