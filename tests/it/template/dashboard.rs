//! What a person looks at: everything that is counted, and nothing that is not.

use std::collections::BTreeSet;

use gatehouse::lambda::metrics::{Metric, NAMESPACE};
use serde_json::Value;

use super::Template;

/// The dashboard's body, and what it shows: of each metric the namespace, the name and the dimension's value.
fn shown(template: &Template) -> (Value, Vec<[String; 3]>) {
    let body = template.property("Dashboard", "/DashboardBody/Fn::Sub/0");
    let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
    let mut shown = Vec::new();
    for widget in body["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let part = |place: usize| metric[place].as_str().unwrap().to_owned();
            shown.push(match metric[0]["expression"].as_str() {
                Some(search) => [NAMESPACE.to_owned(), searched(search), "*".to_owned()],
                None => [part(0), part(1), part(3)],
            });
        }
    }
    (body, shown)
}

/// The metric that a search is for, by function and reason.
fn searched(search: &str) -> String {
    let by = format!("SEARCH('{{{NAMESPACE},function,reason}} MetricName=\"");
    let rest = search.strip_prefix(&by).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn the_dashboard_shows_everything_that_is_counted() {
    let template = Template::read();
    let (_, shown) = shown(&template);
    let ours = shown
        .iter()
        .filter(|[namespace, ..]| namespace == NAMESPACE);
    let names: BTreeSet<&str> = ours.map(|[_, name, _]| name.as_str()).collect();
    let counted: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(names, counted);
}

#[test]
fn the_dashboard_shows_every_function_and_every_queue() {
    let template = Template::read();
    let (_, shown) = shown(&template);
    let values: BTreeSet<&str> = shown.iter().map(|[_, _, value]| value.as_str()).collect();
    for (id, _) in template.functions() {
        assert!(values.contains(format!("${{{id}}}").as_str()), "{id}");
    }
    for (id, _) in template.of_type("AWS::SQS::Queue") {
        let name = format!("${{{id}.QueueName}}");
        assert!(values.contains(name.as_str()), "{id}");
    }
    // And names nothing that is not there.
    let named = template.property("Dashboard", "/DashboardBody/Fn::Sub/1");
    for value in values {
        let Some(name) = value.strip_prefix("${") else {
            continue;
        };
        let id = name.split(['.', '}']).next().unwrap();
        let is_there = template.resources().contains_key(id) || !named[id].is_null();
        assert!(is_there, "{value}");
    }
}

#[test]
fn widgets_do_not_lie_on_each_other() {
    let template = Template::read();
    let (body, _) = shown(&template);
    let mut taken = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let number = |name: &str| widget[name].as_u64().unwrap();
        assert!(number("x") + number("width") <= 24);
        for x in 0..number("width") {
            for y in 0..number("height") {
                assert!(taken.insert((number("x") + x, number("y") + y)), "{widget}");
            }
        }
    }
}
