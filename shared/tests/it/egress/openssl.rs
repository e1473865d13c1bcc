//! OpenSSL as the server, and what docs/tls.md says was agreed on. These run if `GATEHOUSE_PEERS`
//! is set: then `openssl` has to be there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use gatehouse::domain::TlsVersion;
use gatehouse::egress::{ClientIdentity, Egress, EgressError};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::{SupportedProtocolVersion, version};

use super::authority::{Authority, BOTH, Leaf, TlsServer, config_with, pem};
use super::{Answers, request};
use crate::peers;

/// A running `openssl s_server`.
struct OpenSsl {
    process: Child,
    port: u16,
}

impl OpenSsl {
    fn start(folder: &Path, root: &Authority, leaf: &Leaf, arguments: &str) -> Self {
        let file = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let chain = leaf.chain.iter().map(|der| pem(der)).collect();
        let mut process = Command::new("openssl")
            .args(["s_server", "-www", "-accept", "127.0.0.1:0", "-cert"])
            .arg(file("chain.pem", chain))
            .arg("-key")
            .arg(file("key.pem", leaf.key_pem()))
            .arg("-CAfile")
            .arg(file("root.pem", pem(root.root())))
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("OpenSSL's command line is needed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.trim().parse().ok());
        // Goes on reading, so that the server is never kept waiting.
        std::thread::spawn(move || lines.for_each(drop));
        let port = port.expect("`openssl s_server` ended at once");
        Self { process, port }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn page(
    root: &Authority,
    port: u16,
    min_version: TlsVersion,
    identity: Option<&Arc<ClientIdentity>>,
) -> Result<String, EgressError> {
    let egress = Egress::with_resolver(root.trusted(), Answers::new(&[&["127.0.0.1"]]));
    let mut request = request(&format!("https://server.example:{port}/"));
    request.tls.min_version = min_version;
    request.tls.client_identity = identity.cloned();
    let response = egress.send(request).await?;
    Ok(String::from_utf8(response.body.to_vec()).unwrap())
}

/// What OpenSSL says was agreed on. It is told one group, so the one in common is the one used.
fn agreed_on(page: &str) -> String {
    let values: BTreeMap<_, _> = page
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let client = if page.contains("no client certificate") {
        "no"
    } else {
        "yes"
    };
    let value = |name| values.get(name).unwrap();
    let [version, group, suite] = ["Protocol", "Shared groups", "Cipher"].map(value);
    format!("{version} | {group} | {suite} | {client}")
}

#[tokio::test]
async fn openssl_agrees_with_us_as_the_documentation_says() {
    if peers::folder().is_none() {
        return;
    }
    let (root, folder) = (Authority::new("root"), tempfile::tempdir().unwrap());
    let (leaf, identity) = (root.leaf("server.example"), root.leaf("client").identity());
    let mutual = "-tls1_3 -groups X25519 -Verify 1 -verify_return_error";
    let mutual_12 = "-tls1_2 -groups P-256 -Verify 1 -verify_return_error";
    let mut rows = Vec::new();
    for (options, strict, lenient, shown) in [
        ("-tls1_3 -groups X25519", true, true, None),
        ("-tls1_3 -groups P-256", true, true, None),
        ("-tls1_2 -groups X25519", false, true, None),
        ("-tls1_2 -groups P-384", false, true, None),
        ("-tls1_1", false, false, None),
        (mutual, true, true, Some(&identity)),
        (mutual, false, false, None),
        (mutual_12, false, true, Some(&identity)),
        (mutual_12, false, false, None),
    ] {
        let server = OpenSsl::start(folder.path(), &root, &leaf, options);
        for (min_version, accepted) in [(TlsVersion::Tls13, strict), (TlsVersion::Tls12, lenient)] {
            let agreed = page(&root, server.port, min_version, shown).await;
            assert_eq!(agreed.is_ok(), accepted, "{options}: {agreed:?}");
            let agreed = match agreed {
                Ok(page) => agreed_on(&page),
                Err(error) => format!("refused: `{}` | | | {}", error.code(), said(shown)),
            };
            let options = options.replace(" -verify_return_error", "");
            rows.push(format!(
                "| `openssl s_server {options}` | {} | {agreed} |",
                number(min_version)
            ));
        }
    }
    assert_documented(&rows);
}

fn said(shown: Option<&Arc<ClientIdentity>>) -> &'static str {
    if shown.is_some() { "yes" } else { "no" }
}

fn number(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "1.2",
        TlsVersion::Tls13 => "1.3",
    }
}

#[tokio::test]
async fn rustls_agrees_with_us_as_the_documentation_says() {
    let root = Authority::new("root");
    let leaf = root.leaf("server.example");
    let without_pq = CryptoProvider {
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1],
        ..default_provider()
    };
    let chacha = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..default_provider()
    };
    let only_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
    let mut rows = Vec::new();
    for (name, provider, versions) in [
        ("rustls", default_provider(), &BOTH[..]),
        ("rustls, TLS 1.3 only", default_provider(), only_13),
        ("rustls, X25519 and P-256 only", without_pq, only_13),
        ("rustls, ChaCha20 only", chacha, only_13),
        (
            "rustls, TLS 1.2 only",
            default_provider(),
            &[&version::TLS12],
        ),
    ] {
        let server = TlsServer::start(config_with(provider, versions, &leaf, None)).await;
        for min_version in [TlsVersion::Tls13, TlsVersion::Tls12] {
            let agreed = match page(&root, server.port, min_version, None).await {
                Ok(agreed) => {
                    let parts: Vec<_> = agreed.split(' ').collect();
                    format!("{} | {} | {} | no", parts[0], parts[1], parts[2])
                }
                Err(error) => format!("refused: `{}` | | | no", error.code()),
            };
            rows.push(format!("| {name} | {} | {agreed} |", number(min_version)));
        }
    }
    assert_documented(&rows);
}

/// Prints the rows, and looks for each in docs/tls.md.
fn assert_documented(rows: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tls.md");
    let text = std::fs::read_to_string(path).unwrap();
    // Not `println!`, so that they are shown without being asked for.
    let mut out = std::io::stdout().lock();
    for row in rows {
        writeln!(out, "{row}").unwrap();
    }
    for row in rows {
        assert!(text.contains(row), "docs/tls.md lacks this row:\n{row}");
    }
}
