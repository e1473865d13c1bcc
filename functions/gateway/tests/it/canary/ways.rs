//! Every way of authenticating, with secrets that are found again.

use serde_json::{Value, json};

use crate::provider::Provider;
use crate::world::World;

/// A way of authenticating.
pub(super) struct Way {
    pub(super) name: &'static str,
    fields: Value,
    credentials: Vec<(&'static str, String)>,
}

fn way(
    name: &'static str,
    method: &str,
    config: Value,
    credentials: &[(&'static str, &str)],
) -> Way {
    let credentials = credentials.iter();
    Way {
        name,
        fields: json!({"authMethod": method, "authConfig": config}),
        credentials: credentials
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    }
}

impl Way {
    /// An integration of `provider` in this way that keeps and shows as much as it can.
    pub(super) async fn integration(&self, world: &World, provider: &Provider) -> String {
        let mut fields = self.fields.clone();
        fields["gatewayConfig"] = json!({
            "keepBodies": true, "cache": {"ttlSeconds": 60},
            "retry": {"maxAttempts": 1}, "allowedHeaders": ["x-url", "x-host"],
        });
        let credentials: Vec<_> = self
            .credentials
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let base = format!("{}/v1", provider.url);
        world.integration_with(&base, fields, &credentials).await
    }

    pub(super) fn obtains_tokens(&self) -> bool {
        ["exchange", "login"].contains(&self.name)
    }

    /// All that a provider could echo, and tokens for who asks for some.
    pub(super) fn echo(&self) -> Value {
        let values = self.credentials.iter().map(|(_, value)| value);
        let mut echo = json!({"echo": values.collect::<Vec<_>>()});
        if self.obtains_tokens() {
            echo["access_token"] = json!("canary-of-a-token");
        }
        echo
    }

    /// What must not be found where it does not belong.
    pub(super) fn needles(&self) -> Vec<String> {
        // Of a key as PEM, any line will do.
        let of_lines = |value: &String| value.lines().nth(1).unwrap_or(value).to_owned();
        let values = self.credentials.iter().map(|(_, value)| of_lines(value));
        values.chain(["canary".to_owned()]).collect()
    }
}

pub(super) fn ways(provider: &Provider) -> Vec<Way> {
    let key = [("apiKey", "canary-of-the-key")];
    let secret = "canary-0123456789-0123456789-0123456789";
    let jwt = |purpose: Value| json!({"algorithm": "HS256", "claims": {"iss": "{clientId}"}, "use": purpose});
    let of_jwt = [("privateKey", secret), ("clientId", "canary-of-the-client")];
    let token_url = format!("{}/token", provider.url);
    let login = [
        ("user", "canary-of-the-user"),
        ("password", "canary-of-the-password"),
    ];
    let hmac = json!({
        "kind": "hmac", "algorithm": "sha256", "encoding": "hex",
        "signed": "{timestamp}.{method}.{pathAndQuery}.{body}",
        "headers": {"X-Key": "{keyId}", "X-Time": "{timestamp}", "X-Signature": "{signature}"},
    });
    let several = json!({
        "kind": "headers", "headers": {"X-App": "{app}", "X-Secret": "token {secret}"},
        "parameters": {"tenant": "{tenant}"},
    });
    let of_several = [
        ("app", "canary-of-the-app"),
        ("secret", "canary-of-the-secret"),
        ("tenant", "canary-of-the-tenant"),
    ];
    let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let (certificate, client_key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let with_certificate = [
        key[0],
        ("clientCertificate", &*certificate),
        ("clientKey", &*client_key),
    ];
    let in_query = json!({"keyLocation": "query", "keyParam": "key"});
    let in_body = json!({"keyLocation": "body", "keyField": "key"});
    let in_header = json!({"keyLocation": "header", "keyHeader": "X-Api-Key"});
    vec![
        way("header", "api_key", in_header.clone(), &key),
        way("query", "api_key", in_query, &key),
        way("body", "api_key", in_body, &key),
        way(
            "basic",
            "basic_auth",
            json!({}),
            &[("username", login[0].1), login[1]],
        ),
        way("assertion", "jwt", jwt(json!({"kind": "bearer"})), &of_jwt),
        way(
            "exchange",
            "jwt",
            jwt(json!({"kind": "exchange", "tokenUrl": token_url})),
            &of_jwt,
        ),
        way("login", "custom", login_config(), &login),
        way(
            "hmac",
            "custom",
            hmac,
            &[("secret", secret), ("keyId", "canary-of-the-id")],
        ),
        way("several", "custom", several, &of_several),
        way("certificate", "api_key", in_header, &with_certificate),
    ]
}

fn login_config() -> Value {
    json!({
        "kind": "login", "path": "/session", "token": "access_token",
        "body": {"json": {"user": "{user}", "password": "{password}"}},
        "headers": {"X-Password": "{password}"},
    })
}
