//! Inside `shared`, every arrow points towards `domain`; functions do not know each other.

use super::{File, assert_kept, code_lines};

/// Each module of `shared`, and the modules that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("catalog", &["domain"]),
    ("signature", &["domain", "catalog", "jwt"]),
    ("store", &["domain"]),
    ("vault", &["domain", "store"]),
    ("queue", &["domain", "vault"]),
    ("egress", &["domain"]),
    ("jwt", &["domain"]),
    ("directory", &["domain", "egress", "vault"]),
    ("oauth", &["domain", "egress", "jwt", "vault"]),
    (
        "auth",
        &["domain", "catalog", "vault", "egress", "jwt", "oauth"],
    ),
    ("access", &["domain", "config", "store", "jwt", "lambda"]),
    ("audit", &["domain", "store"]),
    ("lambda", &["domain", "config"]),
    ("http", &["domain", "access", "audit", "lambda"]),
    (
        "flows",
        &[
            "domain",
            "config",
            "catalog",
            "signature",
            "store",
            "vault",
            "queue",
            "egress",
            "jwt",
            "directory",
            "oauth",
            "auth",
            "access",
            "audit",
            "lambda",
            "http",
        ],
    ),
];

const FUNCTIONS: [&str; 9] = [
    "integrations",
    "gateway",
    "connect",
    "webhooks",
    "processor",
    "sync",
    "rotation",
    "monitor",
    "console",
];

fn broken_arrows(file: &File) -> Vec<String> {
    let Some(rest) = file.path.strip_prefix("shared/src/") else {
        return Vec::new();
    };
    let Some(module) = rest.split(['/', '.']).next().filter(|name| *name != "lib") else {
        return Vec::new();
    };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("`{module}` has no row in MAY_USE")];
    };
    code_lines(&file.text)
        .flat_map(|(line, code)| paths_of_crate(code).map(move |used| (line, used)))
        .filter(|(_, used)| *used != module && !allowed.contains(used))
        .map(|(line, used)| format!("line {line}: `{module}` may not use `{used}`"))
        .collect()
}

/// What follows each `crate::` in a line. `use crate::{…}` is answered with `{`, which is never
/// allowed: one `use` a module keeps the arrows readable.
fn paths_of_crate(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        rest.get(..end.max(1)).unwrap_or(rest)
    })
}

fn functions_used(file: &File) -> Vec<String> {
    let Some(own) = file
        .path
        .strip_prefix("functions/")
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
    else {
        return Vec::new();
    };
    file.text
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| *name != own && FUNCTIONS.contains(name))
        .map(|name| format!("`{own}` may not depend on the function `{name}`"))
        .collect()
}

#[test]
fn every_arrow_between_modules_points_towards_the_domain() {
    assert_kept(broken_arrows);
}

#[test]
fn no_function_depends_on_another() {
    assert_kept(functions_used);
}

#[test]
fn an_arrow_that_points_away_from_the_domain_is_found() {
    let broken = |path: &str, text: &str| broken_arrows(&File::new(path, text)).len();
    assert_eq!(
        broken("shared/src/domain/event.rs", "use crate::store::Store;"),
        1
    );
    assert_eq!(
        broken("shared/src/vault/mod.rs", "    crate::queue::Queue::new();"),
        1
    );
    assert_eq!(
        broken("shared/src/store/mod.rs", "use crate::{domain, vault};"),
        1
    );
    assert_eq!(broken("shared/src/misc/mod.rs", ""), 1);
    assert_eq!(
        broken("shared/src/vault/mod.rs", "use crate::store::Store;"),
        0
    );
    assert_eq!(
        broken("shared/src/vault/mod.rs", "/// See [`crate::queue`]."),
        0
    );
}

#[test]
fn a_function_that_depends_on_another_is_found() {
    let manifest = |text| functions_used(&File::new("functions/webhooks/Cargo.toml", text)).len();
    assert_eq!(manifest("[dependencies]\nprocessor.workspace = true\n"), 1);
    assert_eq!(manifest("[package]\nname = \"webhooks\"\n"), 0);
}
