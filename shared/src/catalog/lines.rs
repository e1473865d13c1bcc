//! Where in a file a field is, for people who are to correct it.

/// The number of the line of the field at `pointer`, or of what is nearest above it.
pub(super) fn line_of(text: &str, pointer: &str) -> usize {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (mut at, mut table) = (0, String::new());
    for segment in pointer.split('/').filter(|segment| !segment.is_empty()) {
        let rest = || lines.iter().enumerate().skip(at);
        if let Ok(n) = segment.parse::<usize>() {
            let heading = format!("[[{table}]]");
            let mut headings = lines
                .iter()
                .enumerate()
                .filter(|(_, line)| **line == heading);
            at = headings.nth(n).map_or(at, |(found, _)| found);
            continue;
        }
        let parent = !table.is_empty() && lines.get(at).is_some_and(|line| line.starts_with('['));
        let own = rest().skip(usize::from(parent));
        let mut own = own.take_while(|(_, line)| !line.starts_with('['));
        let key = own
            .find(|(_, line)| is_key(line, segment))
            .map(|(found, _)| found);
        if !table.is_empty() {
            table.push('.');
        }
        table.push_str(segment);
        let heading = |line: &str| {
            let name = line.trim_start_matches('[').strip_prefix(&table);
            line.starts_with('[') && name.is_some_and(|rest| rest.starts_with([']', '.']))
        };
        let heading = rest()
            .find(|(_, line)| heading(line))
            .map(|(found, _)| found);
        at = key.or(heading).unwrap_or(at);
    }
    at + 1
}

fn is_key(line: &str, key: &str) -> bool {
    line.strip_prefix(key)
        .is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name = \"X\"\n\
        baseUrl = \"https://x.example\"\n\
        \n\
        [[auth]]\n\
        method = \"jwt\"\n\
        \n\
        [[auth]]\n\
        method = \"api_key\"\n\
        \n\
        [auth.fields.apiKey]\n\
        title = \"Key\"\n\
        \n\
        [api]\n\
        hosts = [\"x\"]\n\
        verification = { path = \"/\" }\n\
        \n\
        [api.entities.users]\n\
        listPath = \"users\"\n\
        \n\
        [webhooks.x]\n";

    #[test]
    fn a_field_is_found_by_its_pointer() {
        for (pointer, line) in [
            ("/baseUrl", 2),
            ("/auth/0/method", 5),
            ("/auth/1/method", 8),
            ("/auth/1/fields/apiKey/title", 11),
            ("/auth/1/config", 7),
            ("/api/hosts/0", 14),
            ("/api/verification/path", 15),
            ("/api/entities/users/listPath", 18),
            ("/api/entities/users/method", 17),
            ("/webhooks/x", 20),
            ("/nothing", 1),
            ("", 1),
        ] {
            assert_eq!(line_of(FILE, pointer), line, "{pointer}");
        }
    }
}
