//! What no declaration expresses, by name: each is a small module of `signature`.

use serde::Deserialize;

/// A scheme that is code. The module of the same name names the provider's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coded {
    /// Adyen's payment webhooks: a signature of eight fields in each item.
    Adyen,
    /// Atlassian Connect: a JSON Web Token that covers the method, the path and the query.
    AtlassianConnect,
    /// Amazon SNS: fields of the body, signed by a certificate that the body names.
    AwsSns,
    /// Box: two keys with a header each.
    Box,
    /// Braintree: a form's parameter, signed with the hash of the private key.
    Braintree,
    /// Contentful: a canonical form of the request, with the headers that the request names.
    Contentful,
    /// DocuSign Connect: as many numbered headers as there are keys.
    Docusign,
    /// Google Pub/Sub: an OpenID Connect token of a service account.
    GooglePubsub,
    /// HubSpot's first signature: a hash of secret and body.
    HubspotV1,
    /// HubSpot's second signature: a hash of secret, method, URL and body.
    HubspotV2,
    /// HubSpot's third signature.
    HubspotV3,
    /// Mailgun: a signature in the body, of a timestamp and a token.
    Mailgun,
    /// Mailchimp Transactional: the URL and the form's sorted parameters.
    Mandrill,
    /// Microsoft Graph: a token that is repeated in each item.
    MicrosoftGraph,
    /// Microsoft Graph: items that are encrypted to a certificate of ours.
    MicrosoftGraphEncrypted,
    /// Microsoft Graph: JSON Web Tokens beside the items.
    MicrosoftGraphRich,
    /// Netlify: a JSON Web Token with the body's hash.
    Netlify,
    /// PayPal: a certificate that the request names, and the body's CRC.
    Paypal,
    /// Plaid: a JSON Web Token with the body's hash, by a key of Plaid's.
    Plaid,
    /// Salesforce's outbound messages, which are not signed.
    SalesforceOutbound,
}

/// A setting of an endpoint that a scheme uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodedSetting {
    /// Its name in `settings`.
    pub name: &'static str,
    /// Whether nothing can be verified without it.
    pub required: bool,
}

const fn required(name: &'static str) -> CodedSetting {
    CodedSetting {
        name,
        required: true,
    }
}

impl Coded {
    /// The settings that it uses.
    #[must_use]
    pub fn settings(self) -> &'static [CodedSetting] {
        const PUBSUB: &[CodedSetting] = &[required("audience"), required("serviceAccount")];
        const RICH: &[CodedSetting] = &[required("audience"), required("tenantId")];
        const BRAINTREE: &[CodedSetting] = &[required("publicKey")];
        const SNS: &[CodedSetting] = &[required("topicArn")];
        const PAYPAL: &[CodedSetting] = &[required("webhookId")];
        const SALESFORCE: &[CodedSetting] = &[required("organizationId")];
        const CONNECT: &[CodedSetting] = &[CodedSetting {
            name: "baseUrl",
            required: false,
        }];
        match self {
            Self::AtlassianConnect => CONNECT,
            Self::AwsSns => SNS,
            Self::Braintree => BRAINTREE,
            Self::GooglePubsub => PUBSUB,
            Self::MicrosoftGraphRich => RICH,
            Self::Paypal => PAYPAL,
            Self::SalesforceOutbound => SALESFORCE,
            _ => &[],
        }
    }

    /// Whether it signs the URL, or a part of it, as the provider calls it.
    #[must_use]
    pub fn signs_url(self) -> bool {
        matches!(
            self,
            Self::AtlassianConnect
                | Self::Contentful
                | Self::HubspotV2
                | Self::HubspotV3
                | Self::Mandrill
        )
    }

    /// Whether what a request says in its body is what the provider said: all that matters of it.
    #[must_use]
    pub fn authenticates_body(self) -> bool {
        !matches!(
            self,
            Self::Adyen
                | Self::AtlassianConnect
                | Self::GooglePubsub
                | Self::Mailgun
                | Self::MicrosoftGraph
                | Self::MicrosoftGraphEncrypted
                | Self::MicrosoftGraphRich
                | Self::SalesforceOutbound
        )
    }

    /// The headers without which nothing can be verified.
    #[must_use]
    pub fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Box => &[
                "box-delivery-timestamp",
                "box-signature-version",
                "box-signature-algorithm",
            ],
            Self::Contentful => &[
                "x-contentful-signature",
                "x-contentful-timestamp",
                "x-contentful-signed-headers",
            ],
            Self::GooglePubsub => &["authorization"],
            Self::HubspotV1 | Self::HubspotV2 => {
                &["x-hubspot-signature", "x-hubspot-signature-version"]
            }
            Self::HubspotV3 => &["x-hubspot-signature-v3", "x-hubspot-request-timestamp"],
            Self::Mandrill => &["x-mandrill-signature"],
            Self::Netlify => &["x-webhook-signature"],
            Self::Paypal => &[
                "paypal-transmission-id",
                "paypal-transmission-time",
                "paypal-transmission-sig",
                "paypal-cert-url",
                "paypal-auth-algo",
            ],
            Self::Plaid => &["plaid-verification"],
            _ => &[],
        }
    }

    /// Whether an endpoint has a secret of its own. What has none is verified by keys that the
    /// provider publishes, or by nothing at all.
    #[must_use]
    pub fn secret(self) -> Need {
        match self {
            Self::AwsSns | Self::GooglePubsub | Self::Paypal | Self::SalesforceOutbound => {
                Need::None
            }
            Self::MicrosoftGraphRich => Need::Optional,
            _ => Need::Required,
        }
    }
}

/// Whether a scheme verifies with a secret of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It has no use for one.
    None,
    /// It does more with one.
    Optional,
    /// It accepts nothing without one.
    Required,
    /// The provider sends it once, in a request of its own.
    InBand,
}

/// A request by which a provider sees whether somebody is there. It is answered and never
/// enqueued; what is echoed is bounded, and written so that its media type makes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Challenge {
    /// `X-Hook-Secret`, which is echoed and becomes the secret.
    Asana,
    /// GET with `bt_challenge`, which is signed.
    Braintree,
    /// OPTIONS with `WebHook-Request-Origin` (CloudEvents HTTP 1.1 Web Hooks).
    CloudEvents,
    /// PING, verified, answered by PONG.
    Discord,
    /// GET with `challenge`, which is echoed.
    Dropbox,
    /// A validation event, or the OPTIONS of CloudEvents.
    EventGrid,
    /// GET, which asks for a 2xx only.
    Get,
    /// POST with `validationToken`, which is echoed.
    Graph,
    /// HEAD, which asks for a 2xx only.
    Head,
    /// GET with `challengeCode`, which is signed.
    Linkedin,
    /// GET with `hub.challenge`, which is echoed if `hub.verify_token` is ours.
    Meta,
    /// `verification_token` in a body, which becomes the secret.
    Notion,
    /// GET with `x-okta-verification-challenge`, verified, which is echoed.
    Okta,
    /// A form with nothing but `webhook_id`.
    Woocommerce,
    /// GET with `crc_token`, which is signed.
    X,
    /// `endpoint.url_validation`, verified, whose token is signed.
    Zoom,
}

impl Challenge {
    /// The settings that it uses.
    #[must_use]
    pub fn settings(self) -> &'static [CodedSetting] {
        const META: &[CodedSetting] = &[required("verifyToken")];
        match self {
            Self::Meta => META,
            _ => &[],
        }
    }

    /// Whether the provider sends the secret itself.
    #[must_use]
    pub fn brings_secret(self) -> bool {
        matches!(self, Self::Asana | Self::Notion)
    }
}

/// How one request holds several events. Each becomes an event whose payload is the body with a
/// list of this one item: whoever reads the provider's bodies can read it, and what stands around
/// the list stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// A JSON Pointer (RFC 6901) to the list; empty if the body itself is the list.
    pub list: String,
    /// Where else the list may be, if it is not there.
    #[serde(default)]
    pub or: Vec<String>,
    /// The parameter that holds the JSON, if the body is a form.
    #[serde(default)]
    pub form: Option<String>,
}
