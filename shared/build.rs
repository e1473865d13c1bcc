//! Embeds the catalogue: a provider is added by adding a file.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("catalog");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for category in fs::read_dir(&root)? {
        let category = category?.path();
        // The schema lies beside the categories.
        if !category.is_dir() {
            continue;
        }
        for file in fs::read_dir(category)? {
            let path = file?.path();
            // An editor's leftovers are not the catalogue's.
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut code = String::from("&[\n");
    let mut schemes = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&root).unwrap_or(file);
        let _ = writeln!(
            code,
            "    ({:?}, include_str!({file:?})),",
            name.display().to_string()
        );
        let text = fs::read_to_string(file)?;
        let slugs = text.lines().filter_map(scheme_of).map(str::to_owned);
        schemes.extend(slugs.map(|slug| (slug, index)));
    }
    code.push_str("]\n");
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let out = Path::new(&out);
    fs::write(out.join("catalog_files.rs"), code)?;
    fs::write(out.join("catalog_schemes.rs"), format!("&{schemes:?}\n"))
}

/// The slug of the scheme that begins with this line of a file.
fn scheme_of(line: &str) -> Option<&str> {
    let slug = line.strip_prefix("[webhooks.")?.strip_suffix(']')?;
    (!slug.contains('.')).then_some(slug)
}
