//! What the pages say of schemes and handshakes that are code.

use gatehouse::catalog::{Batch, Challenge, Coded, Scheme};

/// The settings without which nothing can be verified, as a list.
pub(super) fn needed_settings(scheme: &Scheme) -> String {
    let needed = scheme.coded_settings().iter();
    let needed = needed.filter(|setting| setting.required);
    let names: Vec<String> = needed
        .map(|setting| format!("`{}`", setting.name))
        .collect();
    names.join(" and ")
}

#[expect(clippy::too_many_lines, reason = "one entry for each module")]
pub(super) fn verified(module: Coded) -> &'static str {
    match module {
        Coded::Adyen => {
            "Of each item, eight fields are: they are joined by `:` and signed by HMAC-SHA256, the \
             signature in `additionalData.hmacSignature` in base64. Every item is checked."
        }
        Coded::AtlassianConnect => {
            "A token (HS256) in `Authorization: JWT …` or the parameter `jwt` covers the method, the \
             path below the base URL, and the query."
        }
        Coded::AwsSns => {
            "Fields of the body are signed (RSA; version 1 with SHA-1, 2 with SHA-256) by the \
             certificate at `SigningCertURL`, which has to be at `https://sns.<region>.amazonaws.com` \
             and end in `.pem`. `TopicArn` has to be ours."
        }
        Coded::Box => {
            "`{body}{BOX-DELIVERY-TIMESTAMP}` is signed by HMAC-SHA256, once with either key, in \
             base64. Algorithm and version are pinned."
        }
        Coded::Braintree => {
            "Of the form, `bt_payload` is signed by HMAC-SHA1, keyed with the SHA-1 of the private \
             key; of the pairs in `bt_signature`, that of our public key counts."
        }
        Coded::Contentful => {
            "`METHOD\\npath?query\\nheaders\\nbody` is signed by HMAC-SHA256, in hexadecimal: the headers \
             that `X-Contentful-Signed-Headers` lists, by name; the query escaped twice."
        }
        Coded::Docusign => {
            "The body is signed by HMAC-SHA256, in base64, once for each key of the account: \
             `X-DocuSign-Signature-1` and so on."
        }
        Coded::GooglePubsub => {
            "A token (RS256) in `Authorization: Bearer …`, by a key of Google's: issuer, audience, \
             service account and time are checked."
        }
        Coded::HubspotV1 => "The SHA-256 of `{secret}{body}`, in hexadecimal.",
        Coded::HubspotV2 => "The SHA-256 of `{secret}{METHOD}{url}{body}`, in hexadecimal.",
        Coded::HubspotV3 => {
            "`{METHOD}{url}{body}{time}` is signed by HMAC-SHA256, in base64 \
             (`X-HubSpot-Signature-v3`)."
        }
        Coded::Mailgun => {
            "`{timestamp}{token}` is signed by HMAC-SHA256, in hexadecimal. All three are in \
             `signature` of the body, or in the form."
        }
        Coded::Mandrill => {
            "The URL and the form's parameters by name, each with its value, are signed by \
             HMAC-SHA1, in base64."
        }
        Coded::MicrosoftGraph => "Every item of `value` has to bear the secret as `clientState`.",
        Coded::MicrosoftGraphEncrypted => {
            "`encryptedContent` of every item is checked (HMAC-SHA256 over the decoded `data`) and \
             opened (RSA-OAEP, AES-256-CBC)."
        }
        Coded::MicrosoftGraphRich => {
            "Every token of `validationTokens` (RS256, by a key of Microsoft's) is checked: \
             audience, issuer, `appid`, time. Every item has to be of the tenant."
        }
        Coded::Netlify => {
            "A token (HS256) in `X-Webhook-Signature`, with `iss` and the SHA-256 of the body."
        }
        Coded::Paypal => {
            "`{transmission id}|{time}|{webhook id}|{CRC-32 of the body}` is signed (RSA, SHA-256) by \
             the certificate at `PAYPAL-CERT-URL`, which has to be at PayPal's API. A CRC is no hash: \
             whoever can change a request on its way can make another body with the same."
        }
        Coded::Plaid => {
            "A token (ES256) in `Plaid-Verification`, with the SHA-256 of the body, by the key whose \
             `kid` it names."
        }
        Coded::SalesforceOutbound => {
            "`OrganizationId` has to be ours. What vouches for the sender is its network."
        }
    }
}

pub(super) fn batch(batch: &Batch) -> String {
    let place = |list: &String| match (list.as_str(), &batch.form) {
        ("", Some(form)) => format!("the JSON in form field `{form}`"),
        (list, Some(form)) => format!("`{list}` of the JSON in form field `{form}`"),
        ("", None) => "the body itself".to_owned(),
        (list, None) => format!("body `{list}`"),
    };
    let places: Vec<String> = [&batch.list]
        .into_iter()
        .chain(&batch.or)
        .map(place)
        .collect();
    format!(
        "each item of the list ({}) is an event of its own, delivered as the body with a list of it alone",
        places.join(", else ")
    )
}

pub(super) fn challenge(challenge: Challenge) -> &'static str {
    match challenge {
        Challenge::Asana => {
            "a request with `X-Hook-Secret`, while the endpoint waits for its secret: it becomes the secret and is echoed in the same header"
        }
        Challenge::Braintree => {
            "GET with `bt_challenge`: answered with the public key and a signature of it"
        }
        Challenge::CloudEvents => {
            "OPTIONS with `WebHook-Request-Origin`: answered with `WebHook-Allowed-Origin`"
        }
        Challenge::Discord => {
            "PING, verified as any request: answered with PONG; a bad signature with 401"
        }
        Challenge::Dropbox => "GET with `challenge`: echoed as plain text",
        Challenge::EventGrid => {
            "`SubscriptionValidation`: answered with `validationResponse`; OPTIONS with `WebHook-Request-Origin` (CloudEvents): with `WebHook-Allowed-Origin`"
        }
        Challenge::Get => "GET: answered with an empty 200",
        Challenge::Graph => "POST with `validationToken`: echoed as plain text",
        Challenge::Head => "HEAD: answered with an empty 200",
        Challenge::Linkedin => {
            "GET with `challengeCode`: answered with it and a signature of it, as JSON"
        }
        Challenge::Meta => {
            "GET with `hub.verify_token`, if it is `settings.verifyToken`: `hub.challenge` is echoed as plain text"
        }
        Challenge::Notion => {
            "a body with `verification_token`, while the endpoint waits for its secret: it becomes the secret, and is answered with an empty 200"
        }
        Challenge::Okta => {
            "GET with `X-Okta-Verification-Challenge`, verified as any request: echoed as JSON"
        }
        Challenge::Woocommerce => "a form with `webhook_id` alone: answered with an empty 200",
        Challenge::X => "GET with `crc_token`: answered with a signature of it, as JSON",
        Challenge::Zoom => {
            "`endpoint.url_validation`, verified as any request: answered with the token and a signature of it, as JSON"
        }
    }
}
