//! Versions and lints are set in one place, the root manifest.

use toml::{Table, Value};

use super::{File, assert_kept};

fn broken_manifest(file: &File) -> Vec<String> {
    if !file.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let manifest: Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![error.to_string()],
    };
    let mut broken = Vec::new();
    if !is_inherited(manifest.get("lints")) {
        broken.push("`[lints] workspace = true` is missing".to_owned());
    }
    for field in ["version", "edition", "rust-version", "license", "publish"] {
        let package = manifest.get("package").and_then(Value::as_table);
        if !is_inherited(package.and_then(|package| package.get(field))) {
            broken.push(format!("`{field}.workspace = true` is missing"));
        }
    }
    for (name, dependency) in dependencies(&manifest) {
        if !is_inherited(Some(dependency)) {
            broken.push(format!(
                "`{name}`: versions and paths are in the root manifest only"
            ));
        }
    }
    broken
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
}

/// The dependencies of every kind and for every platform.
fn dependencies(manifest: &Table) -> Vec<(&String, &Value)> {
    let platforms = manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    [manifest]
        .into_iter()
        .chain(platforms)
        .flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"]
                .into_iter()
                .filter_map(|kind| table.get(kind)?.as_table())
        })
        .flatten()
        .collect()
}

#[test]
fn manifests_inherit_versions_and_lints() {
    assert_kept(broken_manifest);
}

#[test]
fn a_manifest_that_goes_its_own_way_is_found() {
    let package = "[package]\nname = \"x\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n";
    let lints = "[lints]\nworkspace = true\n";
    let found = |text: String| broken_manifest(&File::new("functions/x/Cargo.toml", &text)).len();
    assert_eq!(found(format!("{package}{lints}")), 0);
    assert_eq!(found(package.to_owned()), 1);
    assert_eq!(
        found(format!("{package}{lints}[dependencies]\nurl = \"2\"\n")),
        1
    );
    assert_eq!(
        found(format!(
            "{package}{lints}[dev-dependencies]\nurl.workspace = true\n"
        )),
        0
    );
    let platform = "[target.'cfg(unix)'.dependencies]\nurl = { version = \"2\" }\n";
    assert_eq!(found(format!("{package}{lints}{platform}")), 1);
    assert_eq!(found("[package".to_owned()), 1);
}
