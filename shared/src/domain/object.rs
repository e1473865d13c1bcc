use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// What is read from an object only. What is derived reads a sequence as an object without names,
/// too, and nobody means that by one.
#[derive(Clone, Copy, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Reader(PhantomData)).map(Self)
    }
}

/// Has types that are objects be read as [`Object`]s are, wherever they stand.
///
/// The type bears `#[serde(remote = "Self")]`, by which the derived functions become its own.
macro_rules! only_objects {
    ($($name:ident),+ $(,)?) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Derived($name);

                impl<'de> serde::Deserialize<'de> for Derived {
                    fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
                    where
                        D: serde::Deserializer<'de>,
                    {
                        $name::deserialize(deserializer).map(Self)
                    }
                }

                let read = crate::domain::Object::<Derived>::deserialize(deserializer);
                read.map(|object| object.0.0)
            }
        }
    )+};
}

pub(crate) use only_objects;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::domain::gateway::GatewayConfig;
    use crate::domain::{ApiProfile, AuthConfig, AuthMethod, FieldError, RateLimits, TlsConfig};

    fn read<T: serde::de::DeserializeOwned>(value: &Value) -> FieldError {
        let error = serde_json::from_value::<T>(value.clone()).err().unwrap();
        FieldError::described("", &error)
    }

    #[test]
    fn a_sequence_is_no_object() {
        let list = json!([1]);
        for error in [
            read::<RateLimits>(&list),
            read::<ApiProfile>(&list),
            read::<ApiProfile>(&json!({"retry": []})),
            read::<ApiProfile>(&json!({"verification": ["GET", "/"]})),
            read::<ApiProfile>(&json!({"pagination": ["none"]})),
            read::<ApiProfile>(&json!({"rateLimitHeaders": [[]]})),
            GatewayConfig::read(Some(&list)).unwrap_err(),
            GatewayConfig::read(Some(&json!({"retry": [3]}))).unwrap_err(),
            GatewayConfig::read(Some(&json!({"masking": []}))).unwrap_err(),
            GatewayConfig::read(Some(&json!({"routes": [[null, "/"]]}))).unwrap_err(),
            TlsConfig::read(Some(&json!([]))).unwrap_err(),
            AuthConfig::read(AuthMethod::BasicAuth, Some(&json!([]))).unwrap_err(),
            AuthConfig::read(AuthMethod::ApiKey, Some(&json!(["header", "X"]))).unwrap_err(),
            AuthConfig::read(AuthMethod::Custom, Some(&json!(["client_certificate"]))).unwrap_err(),
            AuthConfig::read(AuthMethod::Jwt, Some(&json!([]))).unwrap_err(),
        ] {
            assert!(error.message.ends_with("expected an object"), "{error:?}");
        }
    }
}
