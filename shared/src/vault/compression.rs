//! Opening what was compressed before it was sealed.

use zstd::zstd_safe::get_frame_content_size;

/// Decompresses a frame of Zstandard into as much memory as it says it needs: most of what is opened has a
/// few hundred bytes, where a limit has millions.
///
/// Returns `None` where it is no frame, where it says more than `limit` bytes, or does not hold to what it
/// says (RFC 8878, section 3.1.1.1.4).
pub(crate) fn decompress(packed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let capacity = match get_frame_content_size(packed).ok()? {
        Some(size) => usize::try_from(size).ok().filter(|size| *size <= limit)?,
        None => limit,
    };
    zstd::bulk::decompress(packed, capacity).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn it_takes_no_more_memory_than_what_is_opened() {
        for length in [0, 1, 300, 70_000] {
            let plain = vec![7; length];
            let packed = zstd::bulk::compress(&plain, 1).unwrap();
            let opened = decompress(&packed, 6_000_000).unwrap();
            assert_eq!(opened, plain);
            assert_eq!(opened.capacity(), length);
        }
    }

    #[test]
    fn a_frame_that_does_not_say_its_size_is_opened_within_the_limit() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(&[7; 500]).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(get_frame_content_size(&packed).unwrap(), None);
        assert_eq!(decompress(&packed, 500).unwrap(), [7; 500]);
        assert_eq!(decompress(&packed, 499), None);
    }

    #[test]
    fn what_says_or_has_too_much_is_refused() {
        let packed = zstd::bulk::compress(&[7; 500], 1).unwrap();
        assert!(decompress(&packed, 500).is_some());
        assert_eq!(decompress(&packed, 499), None);
        // The second frame is not in the size that the first says.
        assert_eq!(decompress(&packed.repeat(2), 10_000), None);
        assert_eq!(decompress(&packed[..packed.len() - 1], 500), None);
        assert_eq!(decompress(b"", 500), None);
        assert_eq!(decompress(b"no frame", 500), None);
    }
}
