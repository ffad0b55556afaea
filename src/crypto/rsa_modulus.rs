//! Checks for RSA moduli that can be factored, as far as the modulus alone reveals it.

use crypto_bigint::{BoxedUint, Limb, NonZero};

use super::{PublicKey, PublicKeyParts};
use crate::{Class, Error};

/// The odd primes up to 751.
const PRIMES: [u32; 132] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
    197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307,
    311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421,
    431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547,
    557, 563, 569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659,
    661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739, 743, 751,
];

/// The largest prime of the product that ROCA keys are built on.
const LAST_OF_ROCA: u32 = 167;

/// A policy against RSA moduli that can be factored: moduli with a small factor, with two factors
/// close to each other (Fermat's method), or made by the faulty library of CVE-2017-15361 (ROCA).
///
/// Certificate authorities make these checks before they sign a key (baseline requirements of the
/// CA/Browser Forum, section 6.1.1.3). This crate makes them only where it is configured to. Keys
/// of other types pass.
///
/// For 2048 bits all checks together take about as long as two signature verifications.
/// BENCHMARKS.md has the figures, which `cargo bench --bench ratios --features full` measures.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::{KeyKind, Provider, RsaModulusCheck, Signer, aws_lc_rs::AwsLcRs};
///
/// let pair = AwsLcRs.generate(KeyKind::Rsa { bits: 2048 })?;
/// RsaModulusCheck::new().check(pair.public_key())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RsaModulusCheck {
    fermat_rounds: u32,
}

impl Default for RsaModulusCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl RsaModulusCheck {
    /// All checks, with 100 rounds of Fermat's method.
    #[must_use]
    pub const fn new() -> Self {
        Self { fermat_rounds: 100 }
    }

    /// Sets the number of rounds of Fermat's method; 0 disables it. The time of the check grows
    /// with the number.
    #[must_use]
    pub const fn with_fermat_rounds(mut self, rounds: u32) -> Self {
        self.fermat_rounds = rounds;
        self
    }

    /// Checks that none of these ways factors the modulus of an RSA key.
    ///
    /// # Errors
    /// Class `weak-key`, about `n`, with the cause.
    pub fn check(&self, key: &PublicKey) -> Result<(), Error> {
        let PublicKeyParts::Rsa { n, .. } = key.parts() else { return Ok(()) };
        let weak = |detail| Err(Error::new(Class::WeakKey, "n", detail));
        let remainders = remainders(n);
        if remainders.contains(&0) {
            return weak("the modulus has a small factor");
        }
        let generated = PRIMES
            .iter()
            .zip(&remainders)
            .take_while(|(prime, _)| **prime <= LAST_OF_ROCA)
            .all(|(prime, remainder)| is_power_of_65537(*remainder, *prime));
        if generated {
            return weak("the modulus has the fingerprint of ROCA (CVE-2017-15361)");
        }
        if self.fermat_rounds > 0 && has_close_factors(n, self.fermat_rounds) {
            return weak("the modulus has two factors that are close to each other");
        }
        Ok(())
    }
}

/// The remainders of a big-endian number modulo each of [`PRIMES`].
fn remainders(number: &[u8]) -> [u32; PRIMES.len()] {
    let (start, words) = number.as_rchunks::<4>();
    let start = start.iter().fold(0, |start, byte| start << 8 | u64::from(*byte));
    let mut remainders = [0; PRIMES.len()];
    // Several primes share one pass over the number, as long as their product fits in 32 bits.
    let mut at = 0;
    while at < PRIMES.len() {
        let (mut product, mut end) = (1_u64, at);
        while let Some(next) = PRIMES.get(end).map(|prime| product * u64::from(*prime))
            && next <= u64::from(u32::MAX)
        {
            (product, end) = (next, end + 1);
        }
        let remainder = words.iter().fold(start % product, |remainder, word| {
            (remainder << 32 | u64::from(u32::from_be_bytes(*word))) % product
        });
        for (slot, prime) in remainders.iter_mut().zip(PRIMES).take(end).skip(at) {
            // The remainder is below the prime.
            *slot = (remainder % u64::from(prime)) as u32;
        }
        at = end;
    }
    remainders
}

/// Whether the remainder is in the group that 65537 generates. The primes of ROCA keys are a
/// multiple of the product of the first primes (all up to 167, fewer for short keys) plus a power
/// of 65537, so modulo each of those primes the modulus is such a power. For other keys the
/// probability is one in 2^27.
fn is_power_of_65537(remainder: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == remainder {
            return true;
        }
        power = power * (65537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

/// Fermat's method: n = a² - b² with `a` near the root of n, if the factors a - b and a + b are
/// close.
fn has_close_factors(n: &[u8], rounds: u32) -> bool {
    let n = BoxedUint::from_be_slice_vartime(n);
    let one = BoxedUint::one_with_precision(n.bits_precision());
    let mut a = n.floor_sqrt_vartime();
    if a.wrapping_mul(&a) == n {
        return true;
    }
    a = a.wrapping_add(&one);
    // The square may be longer than n, but the difference is not, so wrapping is harmless.
    let mut difference = a.wrapping_mul(&a).wrapping_sub(&n);
    for _ in 0..rounds {
        if is_square(&difference) {
            return true;
        }
        // (a + 1)² - a² = 2a + 1
        difference = difference.wrapping_add(&a).wrapping_add(&a).wrapping_add(&one);
        a = a.wrapping_add(&one);
    }
    false
}

fn is_square(number: &BoxedUint) -> bool {
    // Remainders that squares cannot have exclude all but one of a hundred candidates.
    let low = number.as_limbs().first().map_or(0, |limb| limb.0 & 63);
    if !(0..32).any(|root| root * root % 64 == low) {
        return false;
    }
    const MODULI: [u32; 3] = [63, 65, 11];
    const PRODUCT: NonZero<Limb> = NonZero::<Limb>::new_unwrap(Limb(63 * 65 * 11));
    let remainder = number.rem_limb(PRODUCT).0;
    let fits = |modulus: u32| {
        let remainder = remainder % crypto_bigint::Word::from(modulus);
        (0..modulus).any(|root| crypto_bigint::Word::from(root * root % modulus) == remainder)
    };
    if !MODULI.into_iter().all(fits) {
        return false;
    }
    let root = number.floor_sqrt_vartime();
    root.wrapping_mul(&root) == *number
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
