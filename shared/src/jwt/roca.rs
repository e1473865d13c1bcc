//! RSA keys that a faulty library made, and whose private halves can be computed.

/// The primes below 168. The faulty library (CVE-2017-15361; Nemec and others, "The Return of
/// Coppersmith's Attack", 2017, section 5.1) makes primes of the form k·M + (65537^a mod M), where M
/// is a product of small primes; a modulus of two such primes is a power of 65537 modulo each of
/// them.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65_537;

/// Whether a modulus (big-endian) looks as if that library had made it. Of others, fewer than one in
/// 2^27 does.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let remainder = modulus
            .iter()
            .fold(0, |left, byte| (left * 256 + u32::from(*byte)) % prime);
        is_power(remainder, *prime)
    })
}

fn is_power(value: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_told_from_other_remainders() {
        // 65537 is 10 modulo 11, whose powers are 1 and 10.
        let powers: Vec<_> = (0..11).filter(|value| is_power(*value, 11)).collect();
        assert_eq!(powers, [1, 10]);
        assert!(is_weak(&65_537_u32.to_be_bytes()));
        assert!(is_weak(&(65_537_u64 * 65_537).to_be_bytes()));
        assert!(!is_weak(&[2]));
        assert!(!is_weak(&[]));
    }
}
