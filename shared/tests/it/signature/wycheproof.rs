//! Project Wycheproof's vectors, as requests: the message is the body, the signature a header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::catalog::Scheme;
use serde::Deserialize;

use super::Case;
use super::declarations::declare;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    /// Of public keys that are SubjectPublicKeyInfos: hexadecimal.
    public_key_der: Option<String>,
    public_key_pem: Option<String>,
    /// Of Ed25519.
    public_key: Option<PublicKey>,
    tag_size: Option<usize>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct PublicKey {
    pk: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    tc_id: usize,
    comment: String,
    flags: Vec<String>,
    key: Option<String>,
    msg: String,
    #[serde(alias = "tag")]
    sig: String,
    result: String,
}

/// How a file went.
#[derive(Debug, Default)]
struct Tally {
    all: usize,
    accepted: usize,
    /// Good signatures that were refused, and why that is meant.
    refused: Vec<(usize, String)>,
    /// What may be judged either way, and was accepted.
    tolerated: Vec<usize>,
}

fn scheme(algorithm: &str, key: &str) -> Scheme {
    declare(&format!(
        r#"
headers = [{{ signature = "x-signature" }}]
grammar = {{ kind = "single" }}
signed = "{{body}}"
versions = [{{ algorithm = "{algorithm}", key = {{ kind = "{key}" }}, encoding = "hex" }}]
"#
    ))
}

fn run(text: &str, scheme: &Scheme, secret: impl Fn(&Group, &Test) -> String) -> Tally {
    let groups: Groups = serde_json::from_str(text).unwrap();
    let mut tally = Tally::default();
    for group in &groups.test_groups {
        for test in &group.tests {
            let body = hex::decode(&test.msg).unwrap();
            let headers = [("x-signature", test.sig.as_str())];
            let case = Case::new(&secret(group, test), &headers, &body);
            let is_accepted = case.by_scheme(scheme).is_ok();
            tally.all += 1;
            tally.accepted += usize::from(is_accepted);
            match (test.result.as_str(), is_accepted) {
                ("valid", true) | ("invalid" | "acceptable", false) => {}
                ("acceptable", true) => tally.tolerated.push(test.tc_id),
                ("valid", false) => {
                    let size = group.tag_size.map(|bits| format!("{bits} bits"));
                    tally.refused.push((test.tc_id, size.unwrap_or_default()));
                }
                _ => panic!(
                    "a false accept: {} {} {:?}",
                    test.tc_id, test.comment, test.flags
                ),
            }
        }
    }
    assert_eq!(tally.all, groups.number_of_tests);
    tally
}

fn of_mac(_: &Group, test: &Test) -> String {
    test.key.clone().unwrap()
}

fn of_spki(group: &Group, _: &Test) -> String {
    STANDARD.encode(hex::decode(group.public_key_der.as_ref().unwrap()).unwrap())
}

fn of_pem(group: &Group, _: &Test) -> String {
    group.public_key_pem.clone().unwrap().trim().to_owned()
}

fn of_ed25519(group: &Group, _: &Test) -> String {
    let key = group.public_key.as_ref().unwrap();
    key.pk.clone().unwrap()
}

#[test]
fn message_authentication_codes_are_accepted_whole_and_only_when_right() {
    for (algorithm, text, whole) in [
        (
            "hmac-sha1",
            include_str!("../../vectors/wycheproof/hmac_sha1_test.json"),
            "160 bits",
        ),
        (
            "hmac-sha256",
            include_str!("../../vectors/wycheproof/hmac_sha256_test.json"),
            "256 bits",
        ),
        (
            "hmac-sha512",
            include_str!("../../vectors/wycheproof/hmac_sha512_test.json"),
            "512 bits",
        ),
    ] {
        let tally = run(text, &scheme(algorithm, "hex"), of_mac);
        assert!(tally.accepted >= 30, "{algorithm}: {tally:?}");
        // No provider shortens its codes: a shorter one is easier to guess.
        let shortened = |(_, size): &(usize, String)| size != whole;
        assert_eq!(tally.refused.len(), 33, "{algorithm}: {tally:?}");
        assert!(
            tally.refused.iter().all(shortened),
            "{algorithm}: {tally:?}"
        );
    }
}

#[test]
fn ecdsa_signatures_are_accepted_only_when_right() {
    let der = include_str!("../../vectors/wycheproof/ecdsa_secp256r1_sha256_test.json");
    let scheme = scheme("ecdsa-p256-sha256", "p256-spki");
    for secret in [of_spki, of_pem] {
        let tally = run(der, &scheme, secret);
        assert!(tally.accepted > 150, "{tally:?}");
        assert!(tally.refused.is_empty(), "{tally:?}");
    }
}

#[test]
fn an_ecdsa_signature_of_two_plain_numbers_is_none() {
    let plain = include_str!("../../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
    let tally = run(plain, &scheme("ecdsa-p256-sha256", "p256-spki"), of_spki);
    assert_eq!((tally.all, tally.accepted), (262, 0));
}

#[test]
fn rsa_signatures_are_accepted_only_when_right() {
    for text in [
        include_str!("../../vectors/wycheproof/rsa_signature_2048_sha256_test.json"),
        include_str!("../../vectors/wycheproof/rsa_signature_3072_sha256_test.json"),
    ] {
        let scheme = scheme("rsa-pkcs1-sha256", "rsa-spki");
        for secret in [of_spki, of_pem] {
            let tally = run(text, &scheme, secret);
            assert!(tally.accepted >= 8, "{tally:?}");
            assert!(tally.refused.is_empty(), "{tally:?}");
            // One whose hash's parameters are missing, not NULL (RFC 8017, appendix B.1).
            assert!(tally.tolerated.is_empty(), "{tally:?}");
        }
    }
}

#[test]
fn ed25519_signatures_are_accepted_only_when_right() {
    let text = include_str!("../../vectors/wycheproof/ed25519_test.json");
    let tally = run(text, &scheme("ed25519", "hex"), of_ed25519);
    assert!(tally.accepted > 80, "{tally:?}");
    assert!(tally.refused.is_empty(), "{tally:?}");
}
