//! The cryptography of signed tokens: ring, as in the server.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{self, Signer},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes jsonwebtoken use ring. Without it the library panics at the first token.
pub(super) fn install() {
    // An error means that it is installed already.
    let _ = RING.install_default();
}

fn verifier(_: &Algorithm, _: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let bytes = key.as_bytes();
    let key = match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, bytes))
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa) => {
            // The library takes the key out of its PKCS #8 envelope.
            let pair = RsaKeyPair::from_der(bytes);
            Key::Rsa(pair.map_err(|_| ErrorKind::InvalidKeyFormat)?)
        }
        (Algorithm::ES256, AlgorithmFamily::Ec) => {
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, bytes, &SystemRandom::new());
            Key::Ec(pair.map_err(|_| ErrorKind::InvalidKeyFormat)?)
        }
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes);
            Key::Ed(pair.map_err(|_| ErrorKind::InvalidKeyFormat)?)
        }
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    let algorithm = *algorithm;
    Ok(Box::new(RingSigner { algorithm, key }))
}

enum Key {
    Hmac(hmac::Key),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

struct RingSigner {
    algorithm: Algorithm,
    key: Key,
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let random = SystemRandom::new();
        let wrong = |_| signature::Error::new();
        Ok(match &self.key {
            Key::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Key::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Ec(pair) => pair
                .sign(&random, message)
                .map_err(wrong)?
                .as_ref()
                .to_vec(),
            Key::Rsa(pair) => {
                let mut signed = vec![0; pair.public().modulus_len()];
                let result = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signed);
                result.map_err(wrong)?;
                signed
            }
        })
    }
}
