use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;

/// Every item of every table, one a line, with binary values as the bytes that they are.
pub(crate) async fn contents(config: &SdkConfig) -> Result<String, String> {
    let client = Client::new(config);
    let tables = client.list_tables().send().await;
    let tables = tables.map_err(|error| error.into_service_error().to_string())?;
    let mut text = String::new();
    for table in tables.table_names() {
        let mut pages = client
            .scan()
            .table_name(table)
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| error.into_service_error().to_string())?;
            write(&AttributeValue::M(item), &mut text);
            text.push('\n');
        }
    }
    Ok(text)
}

fn write(value: &AttributeValue, text: &mut String) {
    match value {
        AttributeValue::S(value) | AttributeValue::N(value) => text.push_str(value),
        AttributeValue::B(bytes) => text.push_str(&String::from_utf8_lossy(bytes.as_ref())),
        AttributeValue::L(items) => items.iter().for_each(|item| {
            write(item, text);
            text.push(' ');
        }),
        AttributeValue::M(fields) => {
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            for name in names {
                text.push_str(name);
                text.push('=');
                if let Some(value) = fields.get(name) {
                    write(value, text);
                }
                text.push(' ');
            }
        }
        other => text.push_str(&format!("{other:?}")),
    }
}
