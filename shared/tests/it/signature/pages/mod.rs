//! The pages of `docs/webhooks`, and that what they tell to do works.

mod coded;
mod coded_script;
mod run;
mod script;
mod table;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gatehouse::catalog::{self, Need, Provider};

use text::Subject;

/// All files of the catalogue that are about webhooks, by their names below it.
fn files() -> BTreeMap<String, Provider> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
    let mut found = BTreeMap::new();
    for category in fs::read_dir(&root).unwrap() {
        let category = category.unwrap().path();
        if !category.is_dir() {
            continue;
        }
        for file in fs::read_dir(category).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let provider = catalog::parse(&name, &fs::read_to_string(&path).unwrap()).unwrap();
            found.insert(name, provider);
        }
    }
    found
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhooks")
}

/// All pages, by their names.
fn pages() -> BTreeMap<String, String> {
    let files = files();
    let mut pages = BTreeMap::new();
    let mut rows = BTreeMap::new();
    for (file, provider) in &files {
        for (slug, scheme) in &provider.webhooks {
            let subject = Subject {
                file,
                provider,
                slug,
                scheme,
            };
            pages.insert(format!("{slug}.md"), text::page(&subject));
            let mark = |is: bool| if is { "yes" } else { "**no**" };
            let certain = scheme.page.uncertain.is_empty();
            let row = format!(
                "| [`{slug}`]({slug}.md) | {} | {} | {} |\n",
                scheme.title,
                mark(scheme.authenticates_body()),
                if certain { "" } else { "in part" },
            );
            rows.insert(slug.clone(), row);
        }
    }
    let rows: String = rows.into_values().collect();
    let index = format!(
        "<!-- Written from shared/catalog: change that. -->\n\n# Webhooks, scheme by scheme\n\n\
         [webhook-schemes.md](../webhook-schemes.md) says what holds for all of them.\n\n\
         | Scheme | For | Body authenticated | Uncertain |\n|---|---|---|---|\n{rows}"
    );
    pages.insert("README.md".to_owned(), index);
    pages
}

#[test]
fn the_pages_are_what_the_catalogue_says() {
    let (folder, pages) = (folder(), pages());
    fs::create_dir_all(&folder).unwrap();
    let mut changed = Vec::new();
    for (name, page) in &pages {
        let path = folder.join(name);
        if fs::read_to_string(&path).unwrap_or_default() != *page {
            fs::write(&path, page).unwrap();
            changed.push(name.clone());
        }
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().display().to_string();
        if !pages.contains_key(&name) {
            fs::remove_file(&path).unwrap();
            changed.push(name);
        }
    }
    assert!(
        changed.is_empty(),
        "out of date, and written anew: {changed:?}"
    );
}

#[test]
fn the_table_of_all_schemes_is_what_the_catalogue_says() {
    let path = folder().join("../webhook-schemes.md");
    let page = fs::read_to_string(&path).unwrap();
    let renewed = table::renewed(&page);
    if page != renewed {
        fs::write(&path, renewed).unwrap();
        panic!("docs/webhook-schemes.md was out of date; its table is written anew");
    }
}

#[test]
fn every_scheme_says_what_people_have_to_know() {
    for (file, provider) in files() {
        for (slug, scheme) in &provider.webhooks {
            let told = &scheme.page;
            assert!(told.setup.is_some(), "{file}: {slug} has no `setup`");
            assert!(
                told.secret.is_some() || scheme.secret() == Need::None,
                "{file}: {slug} does not say what the secret is"
            );
        }
    }
}
