//! Directories: OpenLDAP's server, where there is one, and servers that do not behave.
#![expect(
    clippy::unwrap_used,
    reason = "a server that does not start is a test that has failed"
)]

use std::fs;
use std::net::{Ipv4Addr, TcpListener as StdListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gatehouse::directory::{
    Directory, DirectoryEntry, DirectoryError, ServiceAccount, SignInRefusal, UserAttribute,
    check_url,
};
use gatehouse::egress::{Egress, EgressError, EgressPolicy, TlsFault, TlsSettings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::peers;

const ADMIN: &str = "cn=admin,dc=example,dc=com";
const PASSWORD: &str = "canary-of-the-password";
const ENTRIES: &str = "\
dn: dc=example,dc=com\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
dn: cn=Ada,dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\ncn: Ada\n\
sn: Lovelace\nmail: ada@example.com\nsAMAccountName: ada\nuserPassword: canary-of-ada\n\n\
dn: cn=Twin1,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: Twin1\nsn: T\nmail: twin@example.com\n\n\
dn: cn=Twin2,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: Twin2\nsn: T\nmail: twin@example.com\n\n\
dn: cn=Elsewhere,dc=example,dc=com\nobjectClass: referral\nobjectClass: extensibleObject\n\
cn: Elsewhere\nref: ldaps://127.0.0.1:1/dc=elsewhere\n\n";

/// A certificate of `localhost`, its key, and the root, in PEM and, the root, in DER.
struct Certificate {
    chain: String,
    key: KeyPair,
    root: Vec<u8>,
    leaf: Vec<u8>,
}

fn certificate() -> Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::from_params(&params, &root_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    Certificate {
        chain: leaf.pem(),
        key,
        root: root.der().to_vec(),
        leaf: leaf.der().to_vec(),
    }
}

fn egress(roots: Vec<Vec<u8>>) -> Egress {
    Egress::new(EgressPolicy {
        allowed: vec!["127.0.0.0/8".parse().unwrap()],
        extra_roots: roots,
    })
}

/// A running server; it ends with the test.
struct Slapd {
    process: Child,
    port: u16,
    root: Vec<u8>,
    _data: TempDir,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Slapd {
    /// None, where the peers have none.
    fn start() -> Option<Self> {
        let home = peers::folder()?.join("slapd");
        if !home.join("usr/sbin/slapd").exists() {
            return None;
        }
        let (data, certificate) = (tempfile::tempdir().unwrap(), certificate());
        let configuration = configure(&home, data.path(), &certificate);
        let loaded = command(&home, "slapadd")
            .arg("-f")
            .arg(&configuration)
            .arg("-l")
            .arg(data.path().join("entries.ldif"))
            .output()
            .unwrap();
        assert!(loaded.status.success(), "{loaded:?}");
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let process = command(&home, "slapd")
            .args(["-d", "0", "-h", &format!("ldaps://127.0.0.1:{port}/"), "-f"])
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let slapd = Self {
            process,
            port,
            root: certificate.root,
            _data: data,
        };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "slapd did not start");
            std::thread::yield_now();
        }
        Some(slapd)
    }

    fn url(&self, host: &str) -> Url {
        format!("ldaps://{host}:{}", self.port).parse().unwrap()
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<(), DirectoryError> {
        let (url, egress) = (self.url("localhost"), egress(vec![self.root.clone()]));
        let directory = Directory {
            url: &url,
            egress: &egress,
            tls: &TlsSettings::default(),
        };
        let (username, password) = (name.into(), password.into());
        directory.sign_in(&account(&username, &password)).await
    }

    async fn find(
        &self,
        attribute: UserAttribute,
        value: &str,
    ) -> Result<Option<DirectoryEntry>, DirectoryError> {
        let (url, egress) = (self.url("localhost"), egress(vec![self.root.clone()]));
        let directory = Directory {
            url: &url,
            egress: &egress,
            tls: &TlsSettings::default(),
        };
        let (username, password) = (ADMIN.into(), PASSWORD.into());
        let account = account(&username, &password);
        directory.find_user(&account, attribute, value).await
    }
}

fn account<'a>(username: &'a SecretString, password: &'a SecretString) -> ServiceAccount<'a> {
    ServiceAccount { username, password }
}

fn command(home: &Path, program: &str) -> Command {
    let mut command = Command::new(home.join("usr/sbin").join(program));
    let libraries = fs::read_dir(home.join("usr/lib")).unwrap();
    let libraries = libraries.map(|entry| entry.unwrap().path());
    let paths = std::env::join_paths(libraries.chain([home.join("usr/lib")])).unwrap();
    command.env("LD_LIBRARY_PATH", paths);
    command
}

fn configure(home: &Path, data: &Path, certificate: &Certificate) -> PathBuf {
    let write = |name: &str, text: &str| {
        let path = data.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let chain = write("chain.pem", &certificate.chain);
    let key = write("key.pem", &certificate.key.serialize_pem());
    write("entries.ldif", ENTRIES);
    fs::create_dir(data.join("db")).unwrap();
    let schemas = ["core", "cosine", "inetorgperson", "nis", "msuser"].map(|name| {
        let path = home.join("etc/ldap/schema").join(name);
        format!("include {}.schema\n", path.display())
    });
    let text = format!(
        "{}modulepath {}\nmoduleload back_mdb\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n\
         database mdb\nsuffix dc=example,dc=com\nrootdn {ADMIN}\nrootpw {PASSWORD}\ndirectory {}\n",
        schemas.concat(),
        home.join("usr/lib/ldap").display(),
        chain.display(),
        key.display(),
        data.join("db").display(),
    );
    write("slapd.conf", &text)
}

#[tokio::test]
async fn an_account_signs_in_with_its_password_and_no_other() {
    let Some(slapd) = Slapd::start() else { return };
    slapd.sign_in(ADMIN, PASSWORD).await.unwrap();
    for (name, password) in [(ADMIN, "wrong"), ("cn=nobody,dc=example,dc=com", PASSWORD)] {
        let refused = slapd.sign_in(name, password).await.unwrap_err();
        let is_refusal = matches!(
            refused,
            DirectoryError::SignInRefused(SignInRefusal::Unknown)
        );
        assert!(is_refusal, "{refused:?}");
        assert!(!format!("{refused:?} {refused}").contains(password));
    }
    // The server would take these for an anonymous visitor, and say yes.
    for (name, password) in [(ADMIN, ""), ("", "")] {
        let refused = slapd.sign_in(name, password).await;
        assert!(matches!(refused, Err(DirectoryError::NoCredentials)));
    }
}

#[tokio::test]
async fn a_user_is_found_by_the_whole_value_and_shown_without_secrets() {
    let Some(slapd) = Slapd::start() else { return };
    // Its schema of Active Directory's attributes has no rule by which they are equal.
    let found = slapd.find(UserAttribute::Mail, "ada@example.com").await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.distinguished_name, "cn=Ada,dc=example,dc=com");
    assert_eq!(found.attributes["sn"], ["Lovelace"]);
    assert_eq!(found.attributes["sAMAccountName"], ["ada"]);
    assert!(!format!("{found:?}").contains("canary"));
    for value in [
        "*",
        "ada*",
        "nobody@example.com",
        "*)(objectClass=*",
        "x)(|(mail=*",
        "ada@example.com)(cn=*",
        "\\2a",
    ] {
        let found = slapd.find(UserAttribute::Mail, value).await.unwrap();
        assert_eq!(found, None, "{value}");
    }
    let several = slapd.find(UserAttribute::Mail, "twin@example.com").await;
    assert!(matches!(several, Err(DirectoryError::Ambiguous)));
}

#[tokio::test]
async fn a_server_is_who_its_certificate_says_or_nothing_is_sent() {
    let Some(slapd) = Slapd::start() else { return };
    let (username, password) = (ADMIN.into(), PASSWORD.into());
    for (host, roots, fault) in [
        ("localhost", vec![], TlsFault::CertificateUntrusted),
        (
            "127.0.0.1",
            vec![slapd.root.clone()],
            TlsFault::CertificateWrongName,
        ),
    ] {
        let (url, egress) = (slapd.url(host), egress(roots));
        let directory = Directory {
            url: &url,
            egress: &egress,
            tls: &TlsSettings::default(),
        };
        let refused = directory.sign_in(&account(&username, &password)).await;
        match refused {
            Err(DirectoryError::Egress(EgressError::Tls(found, _))) => assert_eq!(found, fault),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_address_is_classified_in_every_spelling_and_nothing_but_a_host_is_taken() {
    let guarded = Egress::new(EgressPolicy::default());
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "10.0.0.1:636",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST.",
    ] {
        let url: Url = format!("ldaps://{host}").parse().unwrap();
        let refused = check_url(&guarded, &url);
        assert!(
            matches!(refused, Err(EgressError::ForbiddenAddress)),
            "{host}: {refused:?}"
        );
    }
    for text in [
        "ldap://dc.example.com",
        "https://dc.example.com",
        "ldaps://me:pw@dc.example.com",
        "ldaps://dc.example.com/dc=example",
        "ldaps://dc.example.com?a",
        "ldaps://dc.example.com#a",
        "ldaps:///",
        "ldaps:dc.example.com",
        "ldaps://intranet",
    ] {
        let refused = check_url(&guarded, &text.parse().unwrap());
        assert!(
            matches!(refused, Err(EgressError::ForbiddenUrl(_))),
            "{text}: {refused:?}"
        );
    }
    for text in ["ldaps://dc.example.com", "ldaps://dc.example.com:3269/"] {
        check_url(&guarded, &text.parse().unwrap()).unwrap();
    }
}

/// What a server with a good certificate makes of `answer`, which it sends whatever it is asked.
async fn answered(answer: Vec<u8>) -> DirectoryError {
    let certificate = certificate();
    let key = PrivateKeyDer::try_from(certificate.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![certificate.leaf.into()], key)
    .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut stream = acceptor.accept(stream).await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
    });
    let url: Url = format!("ldaps://localhost:{port}").parse().unwrap();
    let egress = egress(vec![certificate.root]);
    let directory = Directory {
        url: &url,
        egress: &egress,
        tls: &TlsSettings::default(),
    };
    let (username, password) = (ADMIN.into(), PASSWORD.into());
    let ended = directory.sign_in(&account(&username, &password)).await;
    serving.await.unwrap();
    ended.unwrap_err()
}

#[tokio::test]
async fn a_server_that_does_not_behave_is_an_error_and_no_more() {
    let bound = |code: u8, said: &[u8]| {
        let mut body = vec![0x0a, 1, code, 4, 0, 4, u8::try_from(said.len()).unwrap()];
        body.extend_from_slice(said);
        let mut all = vec![2, 1, 1, 0x61, u8::try_from(body.len()).unwrap()];
        all.extend(body);
        let mut message = vec![0x30, u8::try_from(all.len()).unwrap()];
        message.extend(all);
        message
    };
    for hostile in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
        vec![0x30, 0x80, 0, 0],
        vec![0x30, 3, 2, 1, 9],
        vec![0x30, 5, 2, 1, 1, 0x7f, 0],
    ] {
        let error = answered(hostile.clone()).await;
        assert!(
            matches!(error, DirectoryError::Protocol(_)),
            "{hostile:?}: {error:?}"
        );
    }
    let broken = answered(vec![0x30, 0x20, 2]).await;
    assert!(matches!(broken, DirectoryError::Disconnected), "{broken:?}");
    let disabled =
        b"80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 533, v3839";
    let error = answered(bound(49, disabled)).await;
    let is_disabled = matches!(
        error,
        DirectoryError::SignInRefused(SignInRefusal::Disabled)
    );
    assert!(is_disabled, "{error:?}");
    let error = answered(bound(10, b"")).await;
    assert!(matches!(error, DirectoryError::Referral), "{error:?}");
    let error = answered(bound(53, b"canary")).await;
    assert!(matches!(error, DirectoryError::Result(53)), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("canary"));
}
