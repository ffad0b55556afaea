use num_bigint::BigUint;

use super::*;

fn key(n: &BigUint) -> PublicKey {
    PublicKey::rsa(&n.to_bytes_be(), &[1, 0, 1]).unwrap()
}

fn cause(n: &BigUint) -> String {
    let error = RsaModulusCheck::new().check(&key(n)).unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::WeakKey, "n"));
    error.detail().to_owned()
}

/// The first number of `bits` bits from `seed` upwards without a factor among [`PRIMES`].
fn rough(bits: u64, seed: u32) -> BigUint {
    let mut number = (BigUint::from(1u8) << bits) - BigUint::from(seed) * 2u8 - 1u8;
    while PRIMES.iter().any(|prime| &number % *prime == BigUint::ZERO) {
        number -= 2u8;
    }
    number
}

#[test]
fn remainders_are_those_of_another_library() {
    for bits in [2048, 2049, 2055, 2056, 4096, 8192] {
        let number = rough(bits, 12345);
        let ours = remainders(&number.to_bytes_be());
        for (prime, remainder) in PRIMES.iter().zip(ours) {
            assert_eq!(&number % *prime, BigUint::from(remainder));
        }
    }
}

#[test]
fn refuses_a_modulus_with_a_small_factor() {
    for prime in [3_u32, 5, 167, 173, 751] {
        assert!(cause(&(rough(2048, 1) * prime)).contains("small factor"));
    }
}

#[test]
fn refuses_a_modulus_whose_factors_are_close() {
    let p = rough(1025, 1);
    assert!(cause(&(&p * &p)).contains("close"), "a square");
    let mut found = 0;
    for (bits, distance) in [(1025, 100_000_u32), (1537, 1), (4096, 7_000)] {
        let (p, q) = (rough(bits, 1), rough(bits, distance));
        assert!(cause(&(&p * &q)).contains("close"), "{bits} bits");
        found += 1;
    }
    assert_eq!(found, 3);
    // This is far beyond the reach of 100 rounds, and is not examined with 0 rounds.
    let far: BigUint = &p * (&p + (BigUint::from(1u8) << 600u32));
    let check = RsaModulusCheck::new().with_fermat_rounds(100);
    let close = &p * &p;
    if !remainders(&far.to_bytes_be()).contains(&0) {
        check.check(&key(&far)).unwrap();
    }
    check.with_fermat_rounds(0).check(&key(&close)).unwrap();
}

#[test]
fn more_rounds_find_factors_that_are_further_apart() {
    // With a = (p + q) / 2, the round is a - sqrt(n), about (q - p)² / 8 sqrt(n).
    let p = rough(1026, 1);
    let q = &p - (BigUint::from(1u8) << 519u32);
    let q = (0_u32..)
        .map(|more| &q - more * 2)
        .find(|q: &BigUint| !remainders(&q.to_bytes_be()).contains(&0));
    let n = &p * q.unwrap();
    let rounds = |rounds| RsaModulusCheck::new().with_fermat_rounds(rounds).check(&key(&n));
    rounds(100).unwrap();
    assert!(rounds(3000).is_err());
}

#[test]
fn refuses_the_fingerprint_of_roca() {
    let primes = || PRIMES.iter().copied().take_while(|prime| *prime <= LAST_OF_ROCA);
    let product: BigUint = primes().map(BigUint::from).product::<BigUint>() * 2u8;
    // Two factors in the form that the faulty library makes: k M + (65537^a mod M).
    let factor = |seed: u32| {
        let power = BigUint::from(65537u32).modpow(&BigUint::from(seed), &product);
        (0_u32..)
            .map(|more| ((BigUint::from(1u8) << 810u32) + more + seed) * &product + &power)
            .find(|factor: &BigUint| !remainders(&factor.to_bytes_be()).contains(&0))
            .unwrap()
    };
    let n = factor(1234) * factor(987_654);
    assert!(n.bits() >= 2048);
    assert!(cause(&n).contains("ROCA"));
    // One more in the product of the other primes is no fingerprint.
    let other = rough(2048, 77);
    RsaModulusCheck::new().check(&key(&other)).unwrap();
}

#[test]
fn takes_keys_of_other_types() {
    let key = PublicKey::ed25519(&[7; 32]).unwrap();
    RsaModulusCheck::new().check(&key).unwrap();
}
