//! Which seeds are run, and how to run one again.

/// Says which seed was at work if a run fails.
#[derive(Debug)]
pub(crate) struct Named {
    test: &'static str,
    seed: u64,
}

impl Named {
    /// Of a run of a test with a seed.
    pub(crate) fn of(test: &'static str, seed: u64) -> Self {
        Self { test, seed }
    }
}

impl Drop for Named {
    #[expect(clippy::print_stderr, reason = "how to run it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed } = self;
            eprintln!(
                "it was the seed {seed}: GATEHOUSE_SEED={seed} cargo test -p e2e --test it {test} \
                 runs it again"
            );
        }
    }
}

/// Every `parts`th of the seeds that are asked for: as many as `by_default` from 0 on, unless
/// `GATEHOUSE_SEEDS` and `GATEHOUSE_FIRST_SEED` say something else, or the one of `GATEHOUSE_SEED`.
pub(super) fn asked_for(by_default: u64, (part, parts): (u64, u64)) -> Vec<u64> {
    let first = variable("GATEHOUSE_FIRST_SEED").unwrap_or(0);
    let count = variable("GATEHOUSE_SEEDS").unwrap_or(by_default);
    let all = match variable("GATEHOUSE_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + count,
    };
    all.filter(|seed| seed % parts == part).collect()
}

/// The number that a variable of the environment has, if it is there.
pub(crate) fn variable(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration of their own"
    )]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap())
}
