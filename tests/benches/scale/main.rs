//! What operations cost in calls of AWS and in capacity of the table while it grows: with all integrations
//! in one organization, and spread over organizations. `scripts/scale` runs it; the numbers of integrations
//! can be given.
//!
//! Nothing here depends on how fast the machine is.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

#[path = "../../it/binaries.rs"]
mod binaries;
mod cost;
#[path = "../../it/functions/deployment.rs"]
mod deployment;
#[path = "../../it/functions/issuer.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod issuer;
mod operations;
mod population;
#[path = "../../it/functions/samples.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod samples;
#[path = "../../it/stripe.rs"]
mod stripe;

use self::cost::Cost;
use self::operations::{OPERATIONS, System};
use self::population::Layout;

/// How many integrations there are, one after the other.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// The words for only one of the layouts.
const LAYOUTS: [&str; 2] = ["one", "spread"];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().filter_map(|it| it.parse().ok());
    let given: Vec<usize> = given.collect();
    let sizes = if given.is_empty() {
        SIZES.to_vec()
    } else {
        given
    };
    let mut grown = Vec::new();
    for (word, layout) in [("one", Layout::One), ("spread", Layout::Spread)] {
        if LAYOUTS.iter().any(|it| is_given(&arguments, it)) && !is_given(&arguments, word) {
            continue;
        }
        let costs = measure(layout, &sizes).await;
        print(layout, &sizes, &costs);
        grown.extend(growing(layout, &costs));
    }
    assert!(
        grown.is_empty(),
        "costs more in a larger table: {}",
        grown.join("; ")
    );
}

fn is_given(arguments: &[String], word: &str) -> bool {
    arguments.iter().any(|argument| argument == word)
}

/// The costs of each operation, at each size.
async fn measure(layout: Layout, sizes: &[usize]) -> Vec<Vec<Cost>> {
    let mut system = System::new().await;
    let mut costs = vec![Vec::new(); OPERATIONS.len()];
    let mut there = 0;
    for size in sizes {
        system.populate(layout, there..*size).await;
        there = *size;
        system.settle().await;
        for (operation, costs) in OPERATIONS.iter().zip(&mut costs) {
            costs.push(system.cost(*operation).await);
        }
    }
    costs
}

fn print(layout: Layout, sizes: &[usize], costs: &[Vec<Cost>]) {
    let heads = sizes.iter().map(|size| format!(" {size} |"));
    println!("| {} |{}", layout.title(), heads.collect::<String>());
    println!("|---|{}", "---|".repeat(sizes.len()));
    for (operation, costs) in OPERATIONS.iter().zip(costs) {
        let cells = costs.iter().map(|cost| format!(" {cost} |"));
        println!("| {} |{}", operation.title(), cells.collect::<String>());
    }
    println!();
}

/// The operations that cost more in the largest table than in the smallest.
fn growing(layout: Layout, costs: &[Vec<Cost>]) -> Vec<String> {
    let all = OPERATIONS.iter().zip(costs);
    let grown = all.filter(|(_, costs)| {
        let (first, last) = (costs.first().unwrap(), costs.last().unwrap());
        last.is_more_than(first)
    });
    grown
        .map(|(operation, _)| format!("{} ({})", operation.title(), layout.title()))
        .collect()
}
