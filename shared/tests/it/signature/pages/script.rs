//! A shell script that signs a sample and sends it, from the declaration alone.

use gatehouse::catalog::{
    Algorithm, Encoding, Grammar, HeaderFamily, KeyForm, Part, Scheme, Template, TimestampUnit,
    TokenPlace, Verification, Version,
};

use super::coded_script;
use super::text::shown;

/// Stands for the endpoint in the pages.
pub(super) const URL: &str = "https://hooks.example.com/webhooks/your-endpoint";
/// The header of schemes that leave it to the endpoint.
pub(super) const OWN_HEADER: &str = "X-Signature";

/// The script; none where only the provider can sign, or nobody verifies.
pub(super) fn script(scheme: &Scheme) -> Option<String> {
    match &scheme.verification {
        Verification::Signature { .. } => signing(scheme),
        Verification::Token { at, prefix } => Some(bearing(scheme, at, prefix)),
        Verification::Twilio { shared_key } => Some(coded_script::twilio(scheme, *shared_key)),
        Verification::Code { module, .. } => coded_script::script(*module, scheme),
        Verification::None => None,
    }
}

/// A header's value in double quotes, in which `$name` is filled in.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('`', "\\`"))
}

/// The sample, with the time of now where the scheme looks for one.
fn body(scheme: &Scheme) -> String {
    let sample = scheme.page.sample.clone().unwrap_or_default();
    assert!(!sample.contains('\''), "{sample}");
    let at = scheme
        .tolerance()
        .and_then(|tolerance| tolerance.at.as_ref());
    let Some(gatehouse::catalog::Location::Body(pointer)) = at else {
        return format!("body='{sample}'");
    };
    let json: serde_json::Value = serde_json::from_str(&sample).unwrap();
    let time = json.pointer(pointer).unwrap().to_string();
    format!("body='{}'", sample.replacen(&time, "'\"$t\"'", 1))
}

pub(super) fn curl(scheme: &Scheme, url: &str, headers: &[String]) -> String {
    let media_type = scheme.page.sample_type.as_deref();
    let mut lines = vec![format!("curl -sS {url}")];
    lines.push(format!(
        "-H 'Content-Type: {}'",
        media_type.unwrap_or("application/json")
    ));
    lines.extend(headers.iter().map(|header| format!("-H {header}")));
    let extra = scheme.page.sample_headers.iter();
    lines.extend(extra.map(|header| format!("-H '{header}'")));
    lines.push("--data-binary \"$body\"".to_owned());
    lines.join(" \\\n  ")
}

fn bearing(scheme: &Scheme, at: &TokenPlace, prefix: &str) -> String {
    let secret = match at {
        TokenPlace::Basic => "name:password-of-your-choice",
        _ => "0123456789abcdef0123456789abcdef",
    };
    let (url, header) = match at {
        TokenPlace::Header(name) => {
            let header = quoted(&format!("{}: {prefix}$secret", shown(name)));
            ("\"$url\"".to_owned(), Some(header))
        }
        TokenPlace::Query(name) => (format!("\"$url?{name}=$secret\""), None),
        TokenPlace::Basic => ("-u \"$secret\" \"$url\"".to_owned(), None),
    };
    let headers: Vec<String> = header.into_iter().collect();
    format!(
        "url='{URL}'\nsecret='{secret}'\n{}\n{}\n",
        body(scheme),
        curl(scheme, &url, &headers)
    )
}

fn signing(scheme: &Scheme) -> Option<String> {
    let Verification::Signature {
        headers,
        grammar,
        signed,
        versions,
        tolerance,
    } = &scheme.verification
    else {
        return None;
    };
    let own = HeaderFamily {
        signature: OWN_HEADER.to_owned(),
        ..HeaderFamily::default()
    };
    let family = headers.first().unwrap_or(&own);
    let version = versions.first()?;
    let mut lines = vec![format!("url='{URL}'")];
    lines.extend(key(version));
    if family.id.is_some() {
        lines.push("id=msg_2b7e1516".to_owned());
    }
    let unit = tolerance.as_ref().map(|tolerance| tolerance.unit);
    let needs_time = signed.parts().contains(&Part::Timestamp)
        || tolerance
            .as_ref()
            .is_some_and(|tolerance| tolerance.at.is_some());
    if needs_time {
        lines.push(time(unit));
    }
    lines.push(body(scheme));
    lines.push(format!(
        "signature=$(printf '%s' {} | {})",
        message(signed),
        tool(version)
    ));
    let mut values = vec![quoted(&format!(
        "{}: {}",
        shown(&family.signature),
        value(grammar, version)
    ))];
    let named = |name: &Option<String>, variable: &str| {
        let name = name.as_ref()?;
        Some(quoted(&format!("{}: {variable}", shown(name))))
    };
    values.extend(named(&family.timestamp, "$t"));
    values.extend(named(&family.id, "$id"));
    lines.push(curl(scheme, "\"$url\"", &values));
    Some(lines.join("\n") + "\n")
}

fn time(unit: Option<TimestampUnit>) -> String {
    match unit {
        Some(TimestampUnit::Milliseconds) => "t=$(date +%s)000".to_owned(),
        Some(TimestampUnit::Seconds) => "t=$(date +%s)".to_owned(),
        Some(TimestampUnit::Rfc3339) | None => "t=$(date -u +%Y-%m-%dT%H:%M:%SZ)".to_owned(),
    }
}

/// The secret, and what is made of it.
fn key(version: &Version) -> Vec<String> {
    let lines: &[&str] = match (&version.key, version.algorithm) {
        (KeyForm::Text | KeyForm::HtmlText, _) => &["secret='a-secret-of-your-choice'"],
        (KeyForm::Hex, Algorithm::Ed25519) => &[
            "openssl genpkey -algorithm ED25519 -out key.pem",
            "secret=$(openssl pkey -in key.pem -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \\n')",
        ],
        (KeyForm::Hex, _) => {
            &["secret=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"]
        }
        (KeyForm::Base64 { prefix, .. }, _) => {
            let secret = format!("secret={prefix}AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
            let key = format!(
                "key=$(printf '%s' \"${{secret#{prefix}}}\" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')"
            );
            return vec![secret, key];
        }
        (KeyForm::P256Spki, _) => &[
            "openssl ecparam -name prime256v1 -genkey -noout -out key.pem",
            "secret=$(openssl pkey -in key.pem -pubout -outform DER | openssl base64 -A)",
        ],
        (KeyForm::RsaSpki, _) => &[
            "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
            "secret=$(openssl pkey -in key.pem -pubout)",
        ],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// What is signed, as a word of the shell.
fn message(signed: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Body => "${body}".to_owned(),
        Part::Timestamp => "${t}".to_owned(),
        Part::Id => "${id}".to_owned(),
        Part::Url => "${url}".to_owned(),
        Part::Method => "POST".to_owned(),
        other => panic!("no script for {other:?} yet"),
    };
    let parts: String = signed.parts().iter().map(part).collect();
    quoted(&parts)
}

/// What makes the signature of its input, and writes it.
fn tool(version: &Version) -> String {
    let digest = match version.algorithm {
        Algorithm::HmacSha1 => "-sha1",
        Algorithm::HmacSha512 => "-sha512",
        _ => "-sha256",
    };
    let key = match (&version.key, version.algorithm) {
        (_, Algorithm::EcdsaP256Sha256 | Algorithm::RsaPkcs1Sha256) => "-sign key.pem",
        (KeyForm::Text | KeyForm::HtmlText, _) => "-hmac \"$secret\"",
        (KeyForm::Hex, _) => "-mac HMAC -macopt hexkey:$secret",
        _ => "-mac HMAC -macopt hexkey:$key",
    };
    let made = if version.algorithm == Algorithm::Ed25519 {
        "tee message >message && openssl pkeyutl -sign -rawin -inkey key.pem -in message".to_owned()
    } else {
        format!("openssl dgst {digest} {key} -binary")
    };
    let written = match version.encoding {
        Encoding::Hex => "od -An -v -tx1 | tr -d ' \\n'",
        Encoding::Base64 => "openssl base64 -A",
        Encoding::Base64url => "openssl base64 -A | tr '+/' '-_' | tr -d '='",
    };
    format!("{made} | {written}")
}

fn value(grammar: &Grammar, version: &Version) -> String {
    match grammar {
        Grammar::Single { prefix } => format!("{prefix}$signature"),
        Grammar::Labelled {
            separator,
            label_end,
            timestamp,
        } => {
            let time = timestamp.as_ref();
            let time = time.map(|label| format!("{label}{label_end}$t{separator}"));
            format!(
                "{}{}{label_end}$signature",
                time.unwrap_or_default(),
                version.label
            )
        }
        Grammar::Positional { separator } => format!("$t{separator}$signature"),
    }
}
