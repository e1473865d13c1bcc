use serde_yaml_ng::Value;

use super::TemplateError;
use super::parts::Schedule;
use super::resources::{Reader, Resource, references};

impl Reader<'_> {
    /// A rule that runs one function at a fixed rate.
    pub(super) fn schedule(&self, rule: &Resource<'_>) -> Result<Schedule, TemplateError> {
        rule.knows_only(&["Description", "ScheduleExpression", "State", "Targets"])?;
        let expression = rule.required(&self.scope, "ScheduleExpression")?;
        let every_seconds = seconds(&expression).ok_or_else(|| {
            let problem = "expected a rate, such as `rate(15 minutes)`";
            TemplateError::at(rule.at("ScheduleExpression"), problem)
        })?;
        if let Some(state) = rule.get(&self.scope, "State")?
            && state.as_str() != Some("ENABLED")
        {
            return Err(TemplateError::at(rule.at("State"), "expected `ENABLED`"));
        }
        let targets = rule.properties.get("Targets").and_then(Value::as_sequence);
        let [target] = targets.map(Vec::as_slice).unwrap_or_default() else {
            return Err(TemplateError::at(rule.at("Targets"), "expected one target"));
        };
        let names = target.get("Arn").map(references).unwrap_or_default();
        let function = self
            .function_named(&names)
            .ok_or_else(|| TemplateError::at(rule.at("Targets"), "leads to no function"))?;
        Ok(Schedule {
            function,
            every_seconds,
        })
    }
}

/// The seconds of a rate as EventBridge writes it: `rate(15 minutes)`.
fn seconds(expression: &str) -> Option<u64> {
    let rate = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = rate.split_once(' ')?;
    let unit = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_nothing_else() {
        assert_eq!(seconds("rate(15 minutes)"), Some(900));
        assert_eq!(seconds("rate(1 hour)"), Some(3_600));
        assert_eq!(seconds("rate(2 days)"), Some(172_800));
        for wrong in [
            "cron(0 * * * ? *)",
            "rate(0 minutes)",
            "rate(1 week)",
            "15",
            "",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
