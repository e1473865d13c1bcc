use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::domain::playbook::PlaybookSpec;

/// The files of `shared/playbooks`, by their names without `.toml`.
const FILES: [(&str, &str); 4] = [
    (
        "contain-integration",
        include_str!("../../../playbooks/contain-integration.toml"),
    ),
    (
        "hostile-webhooks",
        include_str!("../../../playbooks/hostile-webhooks.toml"),
    ),
    (
        "leaked-credential",
        include_str!("../../../playbooks/leaked-credential.toml"),
    ),
    (
        "provider-down",
        include_str!("../../../playbooks/provider-down.toml"),
    ),
];

static BUILT_IN: LazyLock<BTreeMap<&'static str, PlaybookSpec>> = LazyLock::new(|| {
    let read = FILES.into_iter().map(|(name, text)| (name, read(text)));
    read.filter_map(|(name, spec)| match spec {
        Ok(spec) => Some((name, spec)),
        Err(problem) => {
            tracing::error!(
                playbook = name,
                problem,
                "a built-in playbook cannot be read"
            );
            None
        }
    })
    .collect()
});

/// The playbooks that every organization has, by name. Those that cannot be read are left out; a test sees
/// to it that there are none.
#[must_use]
pub fn built_in() -> &'static BTreeMap<&'static str, PlaybookSpec> {
    &BUILT_IN
}

/// Reads a file, and takes nothing that it does not understand.
fn read(text: &str) -> Result<PlaybookSpec, String> {
    let spec: PlaybookSpec = toml::from_str(text).map_err(|error| error.to_string())?;
    match spec.wrong_fields().first() {
        None => Ok(spec),
        Some(error) => Err(format!("{}: {}", error.pointer, error.message)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::playbook::{StepAction, TriggerStart};

    #[test]
    fn every_file_is_built_in_and_is_understood() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let names: BTreeSet<String> = FILES
            .iter()
            .map(|(name, _)| format!("{name}.toml"))
            .collect();
        assert_eq!(files, names);
        for (name, text) in FILES {
            assert_eq!(read(text).map_err(|problem| (name, problem)).err(), None);
        }
        assert_eq!(built_in().len(), FILES.len());
    }

    /// Nothing that is built in acts before a person has said so.
    #[test]
    fn none_starts_by_itself_and_what_is_hard_to_bear_waits_for_a_person() {
        for (name, spec) in built_in() {
            let start = spec.trigger.as_ref().map(|trigger| trigger.start);
            assert_eq!(start, Some(TriggerStart::Suggest), "{name}");
            for step in &spec.steps {
                let waits = step.approval == crate::domain::playbook::Approval::Required;
                let is_easy = matches!(step.action, StepAction::OpenBreaker | StepAction::Notify);
                assert!(waits || is_easy, "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        let good = "name = \"x\"\n[[steps]]\naction = \"open_breaker\"\nminutes = 5\n";
        assert!(read(good).is_ok());
        for (text, said) in [
            ("", "missing field `name`"),
            ("name = \"x\"", "missing field `steps`"),
            ("name = \"x\"\nsteps = []", "/steps: expected 1 to 10 steps"),
            (
                &good.replace("minutes = 5", ""),
                "/steps/0/minutes: is required",
            ),
            (
                &good.replace("minutes = 5", "minutes = 0"),
                "/steps/0/minutes: expected 1 to 1440",
            ),
            (
                &good.replace("minutes = 5", "minutes = -5"),
                "invalid value",
            ),
            (
                &good.replace("open_breaker", "drop_table"),
                "unknown variant",
            ),
            (&good.replace("minutes", "hours"), "unknown field `hours`"),
            (
                &format!("{good}network = \"192.0.2.0/24\""),
                "/steps/0/network: is for",
            ),
            (
                &good.replace("name = \"x\"", "name = \" \""),
                "/name: expected 1 to 100",
            ),
            (
                &good.replace("name = \"x\"", "name = \"x\"\napprovalMinutes = 0"),
                "/approvalMinutes",
            ),
            (
                &good.replace("name = \"x\"", "name = \"x\"\napprover = \"nobody\""),
                "unknown variant",
            ),
            (
                &format!("{good}[trigger]\nalertKinds = [\"weather\"]"),
                "expected a kind of alert",
            ),
            (
                &format!("{good}[trigger]\nalertKinds = [\"slow\", \"slow\"]"),
                "/trigger/alertKinds/1",
            ),
            (
                &format!("{good}[trigger]\nwhen = \"always\""),
                "unknown field `when`",
            ),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
