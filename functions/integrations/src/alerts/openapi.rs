//! The description of this part of the API.

use gatehouse::domain::alert::{Alert, AlertKind, AlertSeverity};
use gatehouse::operations;
use utoipa::OpenApi;

use super::bodies::{
    AlertNote, ChannelBody, ChannelTest, ChannelView, IntegrationRulesChange, RulesChange,
    RulesView, SilenceBody, SilenceView, WantedState,
};
use crate::bodies::ListOf;

operations! {
    list_alerts: get "/portal/alerts", tag = "alerts",
        summary = "List alerts, newest first; a page may hold fewer than `limit`",
        params(("state" = inline(Option<WantedState>), Query), ("integration" = Option<String>, Query), ("kind" = Option<AlertKind>, Query),
            ("minSeverity" = Option<AlertSeverity>, Query), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<Alert>;
    get_alert: get "/portal/alerts/{alertId}", tag = "alerts",
        summary = "Read an alert, with what happened to it", params(("alertId" = String, Path)), 200 => Alert;
    acknowledge_alert: post "/portal/alerts/{alertId}/acknowledge", tag = "alerts",
        summary = "Say that somebody has taken notice of an alert; it stays open until it is over",
        params(("alertId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<AlertNote>, 200 => Alert;
    resolve_alert: post "/portal/alerts/{alertId}/resolve", tag = "alerts",
        summary = "End an alert; its rule fires again once it was over its bound for as long as the first time",
        params(("alertId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<AlertNote>, 200 => Alert;
    get_alert_rules: get "/portal/alerts/rules", tag = "alerts",
        summary = "See the rules that hold for the organization", 200 => RulesView;
    replace_alert_rules: put "/portal/alerts/rules", tag = "alerts",
        summary = "Say which rules are otherwise than the defaults",
        params(("If-Match" = String, Header)), body = RulesChange, 200 => RulesView;
    get_integration_alert_rules: get "/portal/integrations/{integrationId}/alerts/rules", tag = "alerts",
        summary = "See the rules that hold for an integration", params(("integrationId" = String, Path)),
        200 => RulesView;
    replace_integration_alert_rules: put "/portal/integrations/{integrationId}/alerts/rules", tag = "alerts",
        summary = "Say which rules of an integration are otherwise than its organization's",
        params(("integrationId" = String, Path), ("If-Match" = String, Header)),
        body = IntegrationRulesChange, 200 => RulesView;
    create_alert_channel: post "/portal/alerts/channels", tag = "alerts",
        summary = "Make a channel by which people are told",
        params(("Idempotency-Key" = Option<String>, Header)), body = ChannelBody, 201 => ChannelView;
    list_alert_channels: get "/portal/alerts/channels", tag = "alerts",
        summary = "List channels, newest first, each with how sending goes", 200 => ListOf<ChannelView>;
    get_alert_channel: get "/portal/alerts/channels/{channelId}", tag = "alerts",
        summary = "Read a channel, and how sending goes", params(("channelId" = String, Path)), 200 => ChannelView;
    replace_alert_channel: put "/portal/alerts/channels/{channelId}", tag = "alerts",
        summary = "Replace a channel", params(("channelId" = String, Path), ("If-Match" = String, Header)),
        body = ChannelBody, 200 => ChannelView;
    delete_alert_channel: delete "/portal/alerts/channels/{channelId}", tag = "alerts",
        summary = "Delete a channel",
        params(("channelId" = String, Path), ("If-Match" = Option<String>, Header)), 204;
    test_alert_channel: post "/portal/alerts/channels/{channelId}/test", tag = "alerts",
        summary = "Have a test sent within a minute or so; how it went is seen at the channel",
        params(("channelId" = String, Path)), 202 => ChannelTest;
    create_silence: post "/portal/alerts/silences", tag = "alerts",
        summary = "Have nobody told of alerts for a time, or have rules not looked at (maintenance)",
        params(("Idempotency-Key" = Option<String>, Header)), body = SilenceBody, 201 => SilenceView;
    list_silences: get "/portal/alerts/silences", tag = "alerts",
        summary = "List silences, newest first", 200 => ListOf<SilenceView>;
    get_silence: get "/portal/alerts/silences/{silenceId}", tag = "alerts",
        summary = "Read a silence", params(("silenceId" = String, Path)), 200 => SilenceView;
    replace_silence: put "/portal/alerts/silences/{silenceId}", tag = "alerts",
        summary = "Replace a silence", params(("silenceId" = String, Path), ("If-Match" = String, Header)),
        body = SilenceBody, 200 => SilenceView;
    delete_silence: delete "/portal/alerts/silences/{silenceId}", tag = "alerts",
        summary = "End a silence", params(("silenceId" = String, Path), ("If-Match" = Option<String>, Header)), 204;
}

/// The description.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
