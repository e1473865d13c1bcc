//! What `scripts/package` makes of binaries, and which it refuses. These need Python; they run if
//! `GATEHOUSE_PEERS` is set. What the script asks of cargo is answered by one that builds nothing: a
//! release takes half an hour.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::peers;
use crate::tidy::root;

/// The start of a 64-bit ELF file for x86_64, and something after it.
fn binary(rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02".to_vec();
    bytes.resize(18, 0);
    bytes.extend(62_u16.to_le_bytes());
    bytes.extend(rest);
    bytes
}

/// Bytes that no compression makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

fn place(folder: &Path, function: &str, binary: &[u8]) {
    fs::create_dir_all(folder.join(function)).unwrap();
    fs::write(folder.join(function).join("bootstrap"), binary).unwrap();
}

fn script(name: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg(root().join("infra/package").join(name))
        .arg("--folder")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// With a budget of 4,000 bytes for the binary and 2,000 for the zip.
fn pack(folder: &Path, functions: &[&str]) -> Output {
    let mut arguments = vec!["--binary-budget", "4000", "--zip-budget", "2000"];
    arguments.extend(["--private", "/somebody/gatehouse"]);
    arguments.extend(functions);
    script("pack.py", folder, &arguments)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[test]
fn the_same_binary_makes_the_same_zip() {
    if peers::folder().is_none() {
        return;
    }
    let zips: Vec<Vec<u8>> = [1, 2]
        .into_iter()
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            place(folder.path(), "webhooks", &binary(&noise(1_000)));
            let output = pack(folder.path(), &["webhooks"]);
            assert!(output.status.success(), "{}", said(&output));
            let out = String::from_utf8(output.stdout).unwrap();
            assert!(out.ends_with("Architecture=x86_64\n"), "{out}");
            let sums = fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
            let sums = sums.lines().filter_map(|line| line.split_once("  "));
            let names: Vec<_> = sums.map(|(_, name)| name).collect();
            assert_eq!(names, ["webhooks/bootstrap", "webhooks.zip"]);
            // sam makes zips of its own of the folder: the time in them stays the same, too.
            let bootstrap = fs::metadata(folder.path().join("webhooks/bootstrap")).unwrap();
            let age = bootstrap
                .modified()
                .unwrap()
                .duration_since(std::time::UNIX_EPOCH);
            assert_eq!(age.unwrap().as_secs(), 315_532_800);
            fs::read(folder.path().join("webhooks.zip")).unwrap()
        })
        .collect();
    assert_eq!(zips[0], zips[1]);
    // The first time that a zip can hold, and a mode with which Lambda can start it.
    assert_eq!(zips[0][10..14], [0, 0, 0x21, 0]);
    let mode = (0o100_755_u32 << 16).to_le_bytes();
    assert!(zips[0].windows(4).any(|bytes| bytes == mode));
}

#[test]
fn what_must_not_be_deployed_is_refused() {
    if peers::folder().is_none() {
        return;
    }
    let mut elsewhere = binary(&[]);
    elsewhere[18] = 8;
    let table: [(Vec<u8>, &str); 6] = [
        (b"#!/bin/sh".to_vec(), "is no 64-bit ELF binary"),
        (elsewhere, "is for a machine that Lambda has not: 8"),
        (
            binary(b"\0GLIBC_2.17\0GLIBC_2.38\0"),
            "needs glibc 2.38; provided.al2023 has 2.34",
        ),
        (
            binary(b"/somebody/gatehouse/shared/src/lib.rs"),
            "names a path of this machine: /somebody/gatehouse",
        ),
        (binary(&[0; 4_000]), "has 4,020 bytes; the budget is 4,000"),
        (binary(&noise(2_500)), "bytes zipped; the budget is 2,000"),
    ];
    for (bytes, problem) in table {
        let folder = tempfile::tempdir().unwrap();
        place(folder.path(), "webhooks", &binary(b"\0GLIBC_2.34\0"));
        assert!(pack(folder.path(), &["webhooks"]).status.success());
        place(folder.path(), "webhooks", &bytes);
        let output = pack(folder.path(), &["webhooks"]);
        assert_eq!(output.status.code(), Some(1), "{problem}");
        assert!(said(&output).contains(problem), "{}", said(&output));
        for left in ["webhooks.zip", "SHA256SUMS"] {
            assert!(!folder.path().join(left).exists(), "{problem}: {left}");
        }
    }
}

#[test]
fn functions_for_different_machines_are_not_deployed_together() {
    if peers::folder().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut arm = binary(&[]);
    arm[18] = 183;
    place(folder.path(), "gateway", &arm);
    place(folder.path(), "webhooks", &binary(&[]));
    let output = pack(folder.path(), &["gateway", "webhooks"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output), "these are for different architectures");
    assert!(!folder.path().join("SHA256SUMS").exists());
}

#[test]
fn a_function_that_there_is_not_is_named() {
    let output = Command::new(root().join("scripts/package"))
        .args(["--no-build", "nobody"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output),
        "scripts/package: there is no functions/nobody"
    );
}

/// Name, version and SHA-256 of what Cargo.lock pins.
fn locked() -> BTreeSet<(String, String, String)> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let text = |package: &toml::Value, key: &str| {
        let value = package.get(key).and_then(toml::Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    packages
        .iter()
        .map(|one| {
            (
                text(one, "name"),
                text(one, "version"),
                text(one, "checksum"),
            )
        })
        .collect()
}

#[test]
fn an_inventory_names_what_is_in_a_function_as_it_is_locked() {
    let Some(peers) = peers::folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    place(folder.path(), "webhooks", &binary(&[]));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let made = || {
        let output = script("inventory.py", folder.path(), &["webhooks"]);
        assert!(output.status.success(), "{}", said(&output));
        [read("webhooks.cdx.json"), read("THIRD-PARTY-LICENSES.txt")]
    };
    let [inventory, licences] = made();
    assert_eq!([inventory.clone(), licences.clone()], made());

    let document: Value = serde_json::from_str(&inventory).unwrap();
    let locked = locked();
    let mut names = BTreeSet::new();
    for one in document["components"].as_array().unwrap() {
        let text = |pointer: &str| one.pointer(pointer).and_then(Value::as_str);
        let [name, version] = ["/name", "/version"].map(|at| text(at).unwrap().to_owned());
        let checksum = text("/hashes/0/content").unwrap_or_default().to_owned();
        names.insert(name.clone());
        if text("/purl").is_some() {
            let line = format!("\n{name}@{version}: ");
            assert!(licences.contains(&line), "{name}");
        }
        assert!(locked.contains(&(name, version, checksum)), "{one}");
    }
    for part in ["gatehouse", "aws-lc-sys", "rustls", "tokio"] {
        assert!(names.contains(part), "{part}");
    }
    for other in ["proptest", "embedded-aws", "dynoxide-rs", "processor"] {
        assert!(!names.contains(other), "{other} is not in webhooks");
    }
    assert!(!inventory.contains(root().to_str().unwrap()));
    is_valid(&peers, &folder.path().join("webhooks.cdx.json"));
}

/// CycloneDX's own library reads the document, and holds it against the schema.
fn is_valid(peers: &Path, document: &Path) {
    let program = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(problem) if problem else 0)";
    let python = peers.join("checkov/bin/python");
    let output = Command::new(python)
        .args(["-c", program])
        .arg(document)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// A cargo that notes how it was called, and builds what it was given.
const CARGO: &str = r#"#!/bin/sh
case $1 in
    metadata) cat "$CARGO_HOME/metadata.json" ;;
    build)
        printf '%s\n' "$CARGO_ENCODED_RUSTFLAGS" "$CFLAGS" "$*" >"$CARGO_HOME/called"
        mkdir -p "$CARGO_TARGET_DIR/release"
        for function in gateway webhooks; do
            cp "$CARGO_HOME/binary" "$CARGO_TARGET_DIR/release/$function"
        done
        [ ! -e "$CARGO_HOME/moody" ] || echo "$CARGO_TARGET_DIR" >>"$CARGO_TARGET_DIR/release/webhooks" ;;
esac
"#;

/// A repository with two functions, and a cargo of its own.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["cargo", "infra/package", "scripts"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for file in [
            "scripts/package",
            "infra/package/pack.py",
            "infra/package/inventory.py",
        ] {
            fs::copy(root().join(file), at(file)).unwrap();
        }
        fs::write(at("Cargo.lock"), "package = []\n").unwrap();
        fs::write(at("cargo/binary"), binary(b"code")).unwrap();
        let mut graph = json!({"packages": [], "workspace_members": [], "resolve": {"nodes": []}});
        let add = |list: &mut Value, item: Value| list.as_array_mut().unwrap().push(item);
        for name in ["gateway", "webhooks"] {
            fs::create_dir_all(at("functions").join(name)).unwrap();
            let package = json!({"id": name, "name": name, "version": "1.0.0", "source": null, "license": "MIT"});
            add(&mut graph["packages"], package);
            add(&mut graph["workspace_members"], json!(name));
            add(
                &mut graph["resolve"]["nodes"],
                json!({"id": name, "deps": []}),
            );
        }
        fs::write(at("cargo/metadata.json"), graph.to_string()).unwrap();
        fs::write(at("cargo/cargo"), CARGO).unwrap();
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(at("cargo/cargo"), executable).unwrap();
        Self(folder)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn package(&self, arguments: &[&str]) -> Output {
        let run = r#"PATH="$CARGO_HOME:$PATH" exec scripts/package "$@""#;
        let mut command = Command::new("sh");
        command.args(["-c", run, "package"]).args(arguments);
        command.current_dir(self.0.path());
        command.env("CARGO_HOME", self.path("cargo"));
        command.env("CARGO_TARGET_DIR", self.path("elsewhere"));
        command.env_remove("CFLAGS").output().unwrap()
    }
}

#[test]
fn every_function_is_built_without_paths_of_this_machine_and_put_where_the_template_takes_it() {
    if peers::folder().is_none() {
        return;
    }
    let repository = Repository::new();
    let output = repository.package(&[]);
    assert!(output.status.success(), "{}", said(&output));
    for file in [
        "gateway/bootstrap",
        "webhooks/bootstrap",
        "gateway.zip",
        "webhooks.cdx.json",
        "SHA256SUMS",
        "THIRD-PARTY-LICENSES.txt",
    ] {
        let there = repository.path("target/lambda").join(file);
        assert!(there.exists(), "{file}");
    }
    let called = fs::read_to_string(repository.path("cargo/called")).unwrap();
    let [flags, c_flags, arguments] = *called.lines().collect::<Vec<_>>() else {
        panic!("{called}");
    };
    let bootstrap = fs::metadata(repository.path("target/lambda/gateway/bootstrap"));
    assert_eq!(bootstrap.unwrap().permissions().mode() & 0o777, 0o755);
    let packages = "--package=gateway --package=webhooks";
    let expected = format!("build --release --locked --bins {packages}");
    assert_eq!(arguments, expected);
    for (folder, name) in [
        ("cargo", "/cargo"),
        ("", "/gatehouse"),
        ("elsewhere", "/target"),
    ] {
        let folder = repository.path(folder);
        let folder = folder.display().to_string();
        let mapped = format!("{}={name}", folder.trim_end_matches('/'));
        let mut given = flags.split('\x1f');
        assert!(given.any(|flag| flag == format!("--remap-path-prefix={mapped}")));
        assert!(c_flags.contains(&format!("-ffile-prefix-map={mapped}")));
    }
}

#[test]
fn a_build_that_is_another_one_each_time_is_found_out() {
    if peers::folder().is_none() {
        return;
    }
    let repository = Repository::new();
    let output = repository.package(&["--check-reproducible"]);
    assert!(output.status.success(), "{}", said(&output));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with("Built twice, in two folders: the same, byte for byte.\n"));
    assert!(!repository.path("target/again").exists());

    fs::write(repository.path("cargo/moody"), "").unwrap();
    let output = repository.package(&["--check-reproducible"]);
    assert_eq!(output.status.code(), Some(1));
    let problem = said(&output);
    assert!(
        problem.ends_with("scripts/package: webhooks is not reproducible"),
        "{problem}"
    );
}
