//! A page of the documentation, from the declaration alone.

use std::fmt::Write as _;

use gatehouse::catalog::{
    Algorithm, DigestOf, Encoding, Future, Grammar, Handshake, HeaderFamily, KeyForm, Location,
    Need, Part, Provider, Scheme, TimestampUnit, TokenPlace, Tolerance, Verification, Version,
};

use super::coded::{self, needed_settings};
use super::script::{OWN_HEADER, script};

/// What a page is written from.
pub(super) struct Subject<'a> {
    /// The file below `shared/catalog`.
    pub(super) file: &'a str,
    pub(super) provider: &'a Provider,
    pub(super) slug: &'a str,
    pub(super) scheme: &'a Scheme,
}

/// A header's name as people write it.
pub(super) fn shown(name: &str) -> String {
    let mut words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    });
    let first = words.next().unwrap_or_default();
    words.fold(first, |name, word| format!("{name}-{word}"))
}

pub(super) fn page(subject: &Subject<'_>) -> String {
    let Subject {
        file,
        provider,
        slug,
        scheme,
    } = subject;
    let told = &scheme.page;
    let documentation = told
        .documentation
        .as_ref()
        .unwrap_or(&provider.documentation);
    let mut page = format!(
        "<!-- Written from shared/catalog/{file}: change that. -->\n\n# {}\n\n\
         Scheme `{slug}`. [Documentation of the provider]({documentation}).\n",
        scheme.title
    );
    if !told.uncertain.is_empty() {
        page.push_str("\n**Uncertain:**\n\n");
        list(&mut page, &told.uncertain);
    }
    page.push_str("\n## Set-up\n\n");
    set_up(&mut page, subject);
    page.push_str("\n## What is verified\n\n");
    verified(&mut page, scheme);
    page.push_str("\n## What is read\n\n");
    read(&mut page, scheme);
    if !told.notes.is_empty() {
        page.push_str("\n## Notes\n\n");
        list(&mut page, &told.notes);
    }
    if let Some(script) = script(scheme) {
        page.push_str("\n## A signed sample\n\n");
        if has_public_key(scheme) {
            page.push_str(
                "The provider signs with a key of its own. This makes one, whose public half is\n\
                 the endpoint's secret (`$secret`).\n\n",
            );
        }
        let _ = write!(page, "```sh\n{script}```\n");
    }
    page.push_str("\n## Sources\n\n");
    for source in &provider.sources {
        let _ = writeln!(page, "- {}; read {}", source.from, source.read);
    }
    page
}

fn list(page: &mut String, items: &[String]) {
    for item in items {
        let _ = writeln!(page, "- {item}");
    }
}

fn has_public_key(scheme: &Scheme) -> bool {
    let Verification::Signature { versions, .. } = &scheme.verification else {
        return false;
    };
    versions.first().is_some_and(|version| {
        matches!(
            version.algorithm,
            Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256 | Algorithm::RsaPkcs1Sha256
        )
    })
}

fn set_up(page: &mut String, subject: &Subject<'_>) {
    let told = &subject.scheme.page;
    let scheme = subject.slug;
    let needed = needed_settings(subject.scheme);
    if subject.scheme.secret() == Need::None && !needed.is_empty() {
        let _ = writeln!(
            page,
            "1. Register the endpoint (`POST /portal/integrations/{{id}}/webhooks`) with `\"scheme\": \"{scheme}\"` and `settings` with {needed}. The answer's `url` is the URL to paste.\n2. There is no secret."
        );
    } else if matches!(subject.scheme.verification, Verification::None) {
        let _ = writeln!(
            page,
            "1. Register the endpoint with `\"scheme\": \"{scheme}\"` and no secret. The answer's `url` is where to send to."
        );
    } else {
        let secret = told
            .secret
            .as_deref()
            .unwrap_or("What the provider signs with.");
        let settings = match needs_header(subject.scheme) {
            true => format!(" and `\"settings\": {{\"header\": \"{OWN_HEADER}\"}}`"),
            false if needed.is_empty() => String::new(),
            false => format!(" and `settings` with {needed}"),
        };
        let and_secret = match subject.scheme.secret() {
            Need::InBand => "without a secret",
            Need::Optional => "with the `secret`, if there is one,",
            _ => "and the `secret`",
        };
        let _ = writeln!(
            page,
            "1. Register the endpoint (`POST /portal/integrations/{{id}}/webhooks`) with `\"scheme\": \"{scheme}\"`, {and_secret}{settings}. The answer's `url` is the URL to paste."
        );
        let _ = writeln!(
            page,
            "2. The secret is: {secret}{}",
            form_of(subject.scheme)
        );
    }
    if let Some(setup) = &told.setup {
        let _ = writeln!(page, "3. At the provider: {setup}");
    }
}

pub(super) fn needs_header(scheme: &Scheme) -> bool {
    scheme.generic && matches!(scheme.verification, Verification::Signature { .. })
}

fn form_of(scheme: &Scheme) -> String {
    let Verification::Signature { versions, .. } = &scheme.verification else {
        return String::new();
    };
    let mut forms: Vec<String> = versions.iter().map(|version| key(&version.key)).collect();
    forms.dedup();
    format!(" It is read as {}.", forms.join(", or "))
}

fn key(form: &KeyForm) -> String {
    match form {
        KeyForm::Text => "text, as it is".to_owned(),
        KeyForm::HtmlText => "text, HTML entities decoded".to_owned(),
        KeyForm::Hex => "hexadecimal".to_owned(),
        KeyForm::Base64 { prefix, .. } if prefix.is_empty() => "base64".to_owned(),
        KeyForm::Base64 { prefix, optional } => {
            let may = if *optional {
                " (which may be left out)"
            } else {
                ""
            };
            format!("base64 after `{prefix}`{may}")
        }
        KeyForm::P256Spki => "a P-256 public key in base64 (DER) or PEM".to_owned(),
        KeyForm::RsaSpki => "an RSA public key in base64 (DER) or PEM".to_owned(),
    }
}

fn verified(page: &mut String, scheme: &Scheme) {
    let authenticated = match scheme.authenticates_body() {
        true => "The body is authenticated.",
        false => "**The body is not authenticated.**",
    };
    let _ = writeln!(page, "{authenticated} {}", because(scheme));
    let Verification::Signature {
        headers,
        grammar,
        signed,
        versions,
        tolerance,
    } = &scheme.verification
    else {
        if scheme.tolerance().is_some() {
            let _ = writeln!(page, "\nTime: {}.", time(scheme, scheme.tolerance()));
        }
        return;
    };
    page.push_str("\n| | |\n|---|---|\n");
    let own = HeaderFamily {
        signature: OWN_HEADER.to_owned(),
        ..HeaderFamily::default()
    };
    let families = if headers.is_empty() {
        std::slice::from_ref(&own)
    } else {
        headers
    };
    for family in families {
        let _ = writeln!(page, "| Headers | {} |", family_of(family));
    }
    let _ = writeln!(page, "| Form | {} |", form(grammar, versions));
    let signed: String = signed.parts().iter().map(part).collect();
    let _ = writeln!(page, "| Signed | `{}` |", signed.replace('|', "\\|"));
    for version in versions {
        let _ = writeln!(page, "| Signature | {} |", version_of(version));
    }
    let _ = writeln!(page, "| Time | {} |", time(scheme, tolerance.as_ref()));
}

fn because(scheme: &Scheme) -> String {
    match &scheme.verification {
        Verification::None => "Nobody is verified: anybody who knows the URL can send.".to_owned(),
        Verification::Token { at, prefix } => {
            let place = match at {
                TokenPlace::Header(name) if prefix.is_empty() => {
                    format!("the header `{}`", shown(name))
                }
                TokenPlace::Header(name) => {
                    format!("the header `{}`, after `{prefix}`", shown(name))
                }
                TokenPlace::Query(name) => format!("the URL's parameter `{name}`"),
                TokenPlace::Basic => "`Authorization`, as basic authentication".to_owned(),
            };
            format!(
                "The secret itself is in {place}, and is compared in constant time. Whoever has \
                 seen a request can make others: treat what they say as a hint, and fetch what \
                 matters from the provider."
            )
        }
        Verification::Signature { .. } => "Besides it, only what is signed below is.".to_owned(),
        Verification::Code { module, .. } => coded::verified(*module).to_owned(),
        Verification::Twilio { .. } => {
            "A module of `shared/src/signature` verifies it: no declaration says how.".to_owned()
        }
    }
}

fn family_of(family: &HeaderFamily) -> String {
    let mut names = vec![format!("`{}` (signature)", shown(&family.signature))];
    let named = |name: &Option<String>, what: &str| {
        let name = name.as_ref()?;
        Some(format!("`{}` ({what})", shown(name)))
    };
    names.extend(named(&family.timestamp, "time"));
    names.extend(named(&family.id, "id"));
    names.join(", ")
}

fn form(grammar: &Grammar, versions: &[Version]) -> String {
    match grammar {
        Grammar::Single { prefix } => format!("`{prefix}<signature>`"),
        Grammar::Labelled {
            separator,
            label_end,
            timestamp,
        } => {
            let labels = versions.iter().map(|version| version.label.as_str());
            let labels: Vec<&str> = timestamp.as_deref().into_iter().chain(labels).collect();
            let items: Vec<String> = labels
                .iter()
                .map(|label| format!("{label}{label_end}…"))
                .collect();
            format!(
                "`{}`; any signature that fits is enough, other labels are passed over",
                items.join(separator)
            )
        }
        Grammar::Positional { separator } => {
            format!("`<time>{separator}<signature>`, perhaps with more signatures")
        }
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Literal(text) => text.clone(),
        Part::Body => "{body}".to_owned(),
        Part::Timestamp => "{time}".to_owned(),
        Part::Id => "{id}".to_owned(),
        Part::Url => "{url}".to_owned(),
        Part::Path => "{path}".to_owned(),
        Part::Method => "{method}".to_owned(),
        Part::Header(name) => format!("{{{}}}", shown(name)),
        Part::BodySha256 => "{hexadecimal SHA-256 of the body}".to_owned(),
    }
}

fn version_of(version: &Version) -> String {
    let algorithm = match version.algorithm {
        Algorithm::HmacSha1 => "HMAC-SHA1",
        Algorithm::HmacSha256 => "HMAC-SHA256",
        Algorithm::HmacSha512 => "HMAC-SHA512",
        Algorithm::Ed25519 => "Ed25519",
        Algorithm::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256 (ASN.1 DER)",
        Algorithm::RsaPkcs1Sha256 => "RSA PKCS #1 v1.5 with SHA-256",
    };
    let encoding = match version.encoding {
        Encoding::Hex => "lower-case hexadecimal",
        Encoding::Base64 => "base64 with padding",
        Encoding::Base64url => "URL-safe base64 without padding",
    };
    let label = match version.label.as_str() {
        "" => String::new(),
        label => format!("`{label}`: "),
    };
    format!("{label}{algorithm}, {encoding}")
}

fn time(scheme: &Scheme, tolerance: Option<&Tolerance>) -> String {
    let Some(tolerance) = tolerance else {
        if signs_time(scheme) {
            return "signed, and not looked at: a request can be repeated at any time, and is recognised by its id alone".to_owned();
        }
        return "none is signed: a request can be repeated at any time, and is recognised by its id alone".to_owned();
    };
    let unit = unit(tolerance.unit);
    let place = match &tolerance.at {
        Some(place) => format!(", at {}", location(place)),
        None => String::new(),
    };
    let limit = match (tolerance.seconds, tolerance.future) {
        (None, _) => "of any age, unless the endpoint has `toleranceSeconds`".to_owned(),
        (Some(seconds), Future::Same) => format!("at most {seconds} s from now, before or after"),
        (Some(seconds), Future::None) => format!("at most {seconds} s ago"),
        (Some(seconds), Future::Any) => {
            format!("at most {seconds} s ago, and any time in the future")
        }
    };
    format!("{unit}{place}; {limit}")
}

fn unit(unit: TimestampUnit) -> &'static str {
    match unit {
        TimestampUnit::Seconds => "Unix seconds",
        TimestampUnit::Milliseconds => "Unix milliseconds",
        TimestampUnit::Rfc3339 => "RFC 3339",
    }
}

fn location(place: &Location) -> String {
    match place {
        Location::Header(name) => format!("header `{}`", shown(name)),
        Location::Body(pointer) => format!("body `{pointer}`"),
        Location::Form(name) => format!("form field `{name}`"),
        Location::FormJson(place) => {
            format!(
                "`{}` of the JSON in form field `{}`",
                place.pointer, place.name
            )
        }
        Location::Join(places) => {
            let places: Vec<String> = places.iter().map(location).collect();
            format!("{}, joined by `.`", places.join(" and "))
        }
        Location::MemberBesides(names) if names.is_empty() => {
            "the name of the body's one member".to_owned()
        }
        Location::MemberBesides(names) => {
            format!(
                "the name of the body's other member than `{}`",
                names.join("`, `")
            )
        }
        Location::Digest(DigestOf::Body) => "SHA-256 of the body".to_owned(),
        Location::Digest(DigestOf::Item) => "SHA-256 of the item".to_owned(),
    }
}

pub(super) fn signs_time(scheme: &Scheme) -> bool {
    let Verification::Signature { signed, .. } = &scheme.verification else {
        return false;
    };
    signed.parts().contains(&Part::Timestamp)
}

/// The headers that count, if the scheme signs any.
pub(super) fn signed_headers(scheme: &Scheme) -> Vec<&str> {
    let Verification::Signature {
        headers, signed, ..
    } = &scheme.verification
    else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for part in signed.parts() {
        match part {
            Part::Header(name) => names.push(name.as_str()),
            Part::Id => names.extend(headers.iter().filter_map(|family| family.id.as_deref())),
            Part::Timestamp => {
                names.extend(
                    headers
                        .iter()
                        .filter_map(|family| family.timestamp.as_deref()),
                );
            }
            _ => {}
        }
    }
    names
}

fn is_unsigned(scheme: &Scheme, place: &Location) -> bool {
    match place {
        Location::Header(name) => !signed_headers(scheme).contains(&name.as_str()),
        Location::Join(places) => places.iter().any(|place| is_unsigned(scheme, place)),
        _ => false,
    }
}

fn places(scheme: &Scheme, places: &[Location]) -> String {
    let told = places.iter().map(|place| {
        let note = match scheme.authenticates_body() && is_unsigned(scheme, place) {
            true => " (not signed)",
            false => "",
        };
        format!("{}{note}", location(place))
    });
    let told: Vec<String> = told.collect();
    match (told.is_empty(), scheme.generic) {
        (true, true) => "what `settings` names".to_owned(),
        (true, false) => "none".to_owned(),
        (false, true) => format!("what `settings` names, else {}", told.join(", else ")),
        (false, false) => told.join(", else "),
    }
}

fn read(page: &mut String, scheme: &Scheme) {
    page.push_str("| | |\n|---|---|\n");
    let _ = writeln!(page, "| Methods | {} |", scheme.methods.join(", "));
    let id = places(scheme, &scheme.event_id);
    let id = match scheme.event_id.is_empty() && !scheme.generic {
        true => "none: every request is an event of its own".to_owned(),
        false => id,
    };
    let _ = writeln!(page, "| Event id | {id} |");
    let _ = writeln!(
        page,
        "| Event type | {} |",
        places(scheme, &scheme.event_type)
    );
    if let Some(time) = &scheme.event_time {
        let place = places(scheme, std::slice::from_ref(&time.at));
        let place = place.trim_start_matches("what `settings` names, else ");
        let _ = writeln!(page, "| When it happened | {place}, {} |", unit(time.unit));
    }
    if let Some(batch) = &scheme.batch {
        let _ = writeln!(
            page,
            "| Several events in a request | {} |",
            coded::batch(batch)
        );
    }
    if let Some(challenge) = scheme.challenge {
        let _ = writeln!(page, "| Handshake | {} |", coded::challenge(challenge));
    }
    for handshake in &scheme.handshakes {
        let _ = writeln!(page, "| Handshake | {} |", answered(handshake));
    }
}

fn answered(handshake: &Handshake) -> String {
    let answer = match &handshake.answer {
        Some(place) => format!("with {} as plain text", location(place)),
        None => "with an empty 200".to_owned(),
    };
    format!(
        "where {} is `{}`: verified as any request, answered {answer}, and no event",
        location(&handshake.when.at),
        handshake.when.equals
    )
}
