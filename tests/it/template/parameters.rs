//! What parameters take: a slip of the pen stops the deployment before it changes anything.

use regex_lite::Regex;

use super::Template;

/// A value that is as long as `unit` repeated.
fn long(unit: &str, times: usize) -> String {
    unit.repeat(times)
}

#[test]
fn every_parameter_is_bounded_and_described() {
    let template = Template::read();
    for (name, parameter) in template.document["Parameters"].as_object().unwrap() {
        let bounds: &[&str] = match parameter["Type"].as_str().unwrap() {
            "Number" => &["AllowedValues", "MinValue"],
            "String" => &["AllowedValues", "AllowedPattern", "MinLength"],
            other => panic!("{name}: {other}"),
        };
        let is_bounded = bounds.iter().any(|bound| !parameter[*bound].is_null());
        assert!(is_bounded, "{name} takes anything");
        let description = parameter["Description"].as_str().unwrap_or_default();
        assert!(description.len() > 20, "{name}");
        // CloudFormation looks for a match anywhere in the value.
        if let Some(pattern) = parameter["AllowedPattern"].as_str() {
            let whole = pattern.starts_with('^') && pattern.ends_with('$');
            assert!(whole, "{name}: {pattern}");
        }
    }
}

/// Whether a parameter takes a text, by its pattern.
fn takes(template: &Template, parameter: &str, text: &str) -> bool {
    let pattern = &template.document["Parameters"][parameter]["AllowedPattern"];
    Regex::new(pattern.as_str().unwrap())
        .unwrap()
        .is_match(text)
}

#[test]
fn domain_names_certificates_and_zones_are_what_they_look_like() {
    let template = Template::read();
    let label = long("a", 63);
    let certificate = "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b-2c";
    for parameter in ["DomainName", "WebhookDomainName"] {
        for good in ["", "api.example.com", &format!("{label}.example.com")] {
            assert!(takes(&template, parameter, good), "{good}");
        }
        let too_long = format!("{label}a.example.com");
        for bad in [
            "https://api.example.com",
            "api.example.com/",
            "api.example.com.",
            "API.example.com",
            "-api.example.com",
            "api..example.com",
            "localhost",
            "*.example.com",
            &too_long,
        ] {
            assert!(!takes(&template, parameter, bad), "{bad}");
        }
    }
    for (good, bad) in [
        ("", "arn:aws:iam::111122223333:server-certificate/x"),
        (certificate, "arn:aws:acm:eu-central-1:1:certificate/x"),
    ] {
        assert!(takes(&template, "CertificateArn", good), "{good}");
        assert!(!takes(&template, "CertificateArn", bad), "{bad}");
    }
    for (good, bad) in [("", "/hostedzone/Z1"), ("Z0123456789ABC", "example.com")] {
        assert!(takes(&template, "HostedZoneId", good), "{good}");
        assert!(!takes(&template, "HostedZoneId", bad), "{bad}");
    }
}

#[test]
fn a_truststore_is_an_object_in_s3() {
    let template = Template::read();
    for good in ["", "s3://trust-store/authorities.pem", "s3://a.b-c/d/e.pem"] {
        assert!(takes(&template, "TruststoreUri", good), "{good}");
    }
    for bad in [
        "https://trust.s3.amazonaws.com/a.pem",
        "s3://trust",
        "s3://trust/",
        "s3://Trust/a.pem",
    ] {
        assert!(!takes(&template, "TruststoreUri", bad), "{bad}");
    }
    assert!(takes(&template, "TruststoreVersion", ""));
    assert!(takes(
        &template,
        "TruststoreVersion",
        "3sL4kqtJlcpXroDTDmJ_r.1-"
    ));
    assert!(!takes(&template, "TruststoreVersion", "a b"));
}

#[test]
fn subnets_and_security_groups_are_lists_of_ids() {
    let template = Template::read();
    for (parameter, id) in [
        ("VpcSubnetIds", "subnet-0123456789abcdef0"),
        ("VpcSecurityGroupIds", "sg-01234567"),
    ] {
        for good in ["", id, &format!("{id},{id}")] {
            assert!(takes(&template, parameter, good), "{good}");
        }
        let spaced = format!("{id}, {id}");
        let unfinished = format!("{id},");
        for bad in ["vpc-01234567", "subnet-", "sg-xyz", &spaced, &unfinished] {
            assert!(!takes(&template, parameter, bad), "{bad}");
        }
    }
}

#[test]
fn a_release_is_a_name_and_an_alarms_address_is_one() {
    let template = Template::read();
    for good in ["none", "1.4.0", "20261126T150000Z", &long("a", 64)] {
        assert!(takes(&template, "Release", good), "{good}");
    }
    for bad in ["", "-1", "a b", "${AWS::StackName}", &long("a", 65)] {
        assert!(!takes(&template, "Release", bad), "{bad}");
    }
    for (good, bad) in [("", "ops"), ("ops@example.com", "ops @example.com")] {
        assert!(takes(&template, "AlarmEmail", good), "{good}");
        assert!(!takes(&template, "AlarmEmail", bad), "{bad}");
    }
}
