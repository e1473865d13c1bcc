use bytes::Bytes;
use zeroize::Zeroizing;

/// A form (`application/x-www-form-urlencoded`) that is wiped when the last copy of it is dropped,
/// whether it is sent or not.
#[derive(Default)]
pub(crate) struct Form(Zeroizing<String>);

impl Form {
    pub(crate) fn append(&mut self, name: &str, value: &str) {
        self.reserve(3 * (name.len() + value.len()) + 2);
        let mut form = form_urlencoded::Serializer::new(std::mem::take(&mut *self.0));
        form.append_pair(name, value);
        *self.0 = form.finish();
    }

    /// Makes room, so that no text that grows leaves a copy of itself behind.
    fn reserve(&mut self, bytes: usize) {
        let needed = self.0.len().saturating_add(bytes);
        if self.0.capacity() < needed {
            let mut larger = Zeroizing::new(String::with_capacity(needed.max(1024) * 2));
            larger.push_str(&self.0);
            self.0 = larger;
        }
    }

    pub(crate) fn into_body(mut self) -> Bytes {
        let text = std::mem::take(&mut *self.0);
        Bytes::from_owner(Zeroizing::new(text.into_bytes()))
    }
}

/// One value, as a form has it.
pub(super) fn encoded(value: &str) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::byte_serialize(value.as_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_what_was_appended_in_order() {
        let mut form = Form::default();
        form.append("a b", "ü&=+");
        form.append("c", &"%".repeat(2000));
        let expected = format!("a+b=%C3%BC%26%3D%2B&c={}", "%25".repeat(2000));
        assert_eq!(form.into_body(), expected.as_bytes());
        assert_eq!(Form::default().into_body(), b"".as_slice());
    }
}
