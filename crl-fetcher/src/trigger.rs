//! What started a refresh. It is only for the log: whatever it is, a refresh looks at everything, so
//! lost, doubled and reordered events do no harm.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::s3::S3Event;
use serde_json::Value;

/// Names the trigger of an event: `schedule`, `s3 KEY`, `event DETAIL-TYPE` or `manual`.
pub fn describe(event: &Value) -> String {
    if let Ok(event) = serde_json::from_value::<EventBridgeEvent>(event.clone()) {
        return match (event.source.as_str(), event.detail_type.as_str()) {
            ("aws.s3", _) => match event.detail.pointer("/object/key").and_then(Value::as_str) {
                Some(key) => format!("s3 {key}"),
                None => "s3".to_owned(),
            },
            ("aws.scheduler" | "aws.events", "Scheduled Event") => "schedule".to_owned(),
            (_, detail_type) => format!("event {detail_type}"),
        };
    }
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return "s3 test event".to_owned();
    }
    match serde_json::from_value::<S3Event>(event.clone()) {
        Ok(event) if !event.records.is_empty() => {
            let keys = event
                .records
                .iter()
                .filter_map(|record| record.s3.object.key.as_deref());
            format!("s3 {}", keys.collect::<Vec<_>>().join(" "))
        }
        _ => "manual".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;
    use serde_json::json;
    use testkit::events;

    #[test]
    fn every_trigger_has_a_name() {
        assert_eq!(describe(&events::schedule()), "schedule");
        assert_eq!(
            describe(&events::object_created("crls", "crl/a.crl")),
            "s3 crl/a.crl"
        );
        assert_eq!(
            describe(&events::s3_notification("crls", "crl/a.crl")),
            "s3 crl/a.crl"
        );
        assert_eq!(describe(&events::s3_test_event("crls")), "s3 test event");
        for event in [
            json!({}),
            json!(null),
            json!("now"),
            json!({"Records": []}),
            json!([1]),
        ] {
            assert_eq!(describe(&event), "manual", "{event}");
        }
    }
}
