//! What wakes a person: every alarm tells the topic, and none of these is missing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Template, settled};

/// What an alarm watches: the metric, and of which resource.
fn watched(alarm: &Value) -> (&str, &str) {
    let properties = &alarm["Properties"];
    let value = settled(&properties["Dimensions"][0]["Value"], &[]);
    let name = value["Ref"].as_str().or_else(|| {
        let attribute = value["Fn::GetAtt"].as_str();
        // A metric of ours has the name of the function itself.
        attribute.map_or(value.as_str(), |name| name.strip_suffix(".QueueName"))
    });
    (properties["MetricName"].as_str().unwrap(), name.unwrap())
}

#[test]
fn what_needs_a_person_raises_an_alarm() {
    let template = Template::read();
    let alarms: BTreeSet<_> = template
        .of_type("AWS::CloudWatch::Alarm")
        .into_iter()
        .map(|(_, alarm)| watched(alarm))
        .collect();
    let mut expected = BTreeSet::from([
        ("ApproximateNumberOfMessagesVisible", "DeadLetterQueue"),
        ("ApproximateAgeOfOldestMessage", "EventsQueue"),
        ("ApproximateNumberOfMessagesVisible", "SyncDeadLetterQueue"),
        ("ApproximateAgeOfOldestMessage", "SyncQueue"),
        ("SyncJobsFailed", "sync"),
        ("SyncJobsLate", "sync"),
        ("ConflictsOpened", "sync"),
        ("PushesFailed", "sync"),
        ("LinksFailed", "sync"),
        ("5xx", "Api"),
        ("5xx", "PublicApi"),
        ("WriteThrottleEvents", "Table"),
        ("GrantsAtRisk", "rotation"),
        ("MonitorLag", "monitor"),
        ("AlertNoticesLost", "monitor"),
        ("RotationsFailed", "rotation"),
        ("DataKeysFailed", "rotation"),
        ("SecretsDue", "rotation"),
    ]);
    for (function, _) in template.functions() {
        expected.insert(("Errors", function));
        expected.insert(("Throttles", function));
    }
    assert_eq!(alarms, expected);
}

#[test]
fn every_alarm_tells_the_topic() {
    let template = Template::read();
    let topic = json!([{ "Fn::If": ["MakesAlarmTopic", { "Ref": "AlarmTopic" }, { "Ref": "AlarmTopicArn" }] }]);
    for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["Properties"]["AlarmActions"], topic, "{id}");
        let comparison = &alarm["Properties"]["ComparisonOperator"];
        assert_eq!(comparison, "GreaterThanThreshold", "{id}");
    }
}

#[test]
fn one_message_in_a_dead_letter_queue_is_enough() {
    let template = Template::read();
    for alarm in ["DeadLetterAlarm", "SyncDeadLetterAlarm"] {
        assert_eq!(*template.property(alarm, "/Threshold"), 0);
        assert_eq!(*template.property(alarm, "/Period"), 60);
    }
}
