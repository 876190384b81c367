"""Known answers of the standards that the reference is built on."""

import json
import unittest
from pathlib import Path

from impuls import aes_gcm, blind, chacha20, generators, hpke
from impuls.encoding import canonical_json, decode_base64url, encode_base64url, parse_decimal, parse_json
from impuls.errors import ImpulsError
from impuls.hkdf import expand, extract
from impuls.seal import open_body, seal_body
from impuls.x25519 import x25519

OFFICIAL = Path(__file__).resolve().parents[2] / "vectors" / "official"
H = bytes.fromhex
SUNSCREEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)


class Hkdf(unittest.TestCase):
    def test_rfc_5869_case_1(self) -> None:
        prk = extract(H("000102030405060708090a0b0c"), b"\x0b" * 22)
        self.assertEqual(prk, H("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"))
        self.assertEqual(expand(prk, H("f0f1f2f3f4f5f6f7f8f9"), 42), H(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ))

    def test_rfc_5869_case_3_without_salt_and_info(self) -> None:
        prk = extract(b"", b"\x0b" * 22)
        self.assertEqual(prk, H("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"))
        self.assertEqual(expand(prk, b"", 42), H(
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ))


class ChaCha20Poly1305(unittest.TestCase):
    def test_rfc_8439_block_2_3_2(self) -> None:
        self.assertEqual(chacha20.block(bytes(range(32)), 1, H("000000090000004a00000000")), H(
            "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
            "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
        ))

    def test_rfc_8439_block_of_zeros(self) -> None:
        self.assertEqual(chacha20.block(bytes(32), 0, bytes(12)), H(
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        ))

    def test_rfc_8439_poly1305_2_5_2(self) -> None:
        key = H("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
        tag = chacha20.poly1305(key, b"Cryptographic Forum Research Group")
        self.assertEqual(tag, H("a8061dc1305136c6c22b8baf0c0127a9"))

    def test_rfc_8439_aead_2_8_2(self) -> None:
        key, nonce = bytes(range(0x80, 0xA0)), H("070000004041424344454647")
        aad = H("50515253c0c1c2c3c4c5c6c7")
        sealed = chacha20.aead_seal(key, nonce, SUNSCREEN, aad)
        self.assertEqual(sealed[:16], H("d31a8d34648e60db7b86afbc53ef7ec2"))
        self.assertEqual(sealed[-16:], H("1ae10b594f09e26a7e902ecbd0600691"))
        self.assertEqual(chacha20.aead_open(key, nonce, sealed, aad), SUNSCREEN)


class X25519(unittest.TestCase):
    def test_rfc_7748_5_2(self) -> None:
        self.assertEqual(
            x25519(
                H("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                H("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
            ),
            H("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
        )

    def test_rfc_7748_6_1(self) -> None:
        alice = H("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        bob = H("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        self.assertEqual(x25519(alice), H("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
        self.assertEqual(x25519(bob), H("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
        shared = H("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        self.assertEqual(x25519(alice, x25519(bob)), shared)
        self.assertEqual(x25519(bob, x25519(alice)), shared)


class Hpke(unittest.TestCase):
    """RFC 9180 appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode."""

    private = H("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    ephemeral = H("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600")
    info = H("4f6465206f6e2061204772656369616e2055726e")
    aad = H("436f756e742d30")
    plaintext = b"Beauty is truth, truth beauty"

    def test_rfc_9180_a_2_1_ephemeral_key(self) -> None:
        ikm = H("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b")
        self.assertEqual(hpke.derive_private_key(ikm), self.ephemeral)

    def test_rfc_9180_a_2_1(self) -> None:
        public = x25519(self.private)
        self.assertEqual(public, H("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"))
        sealed = hpke.seal(public, self.info, self.aad, self.plaintext, self.ephemeral)
        self.assertEqual(sealed, H(
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
        ))
        self.assertEqual(hpke.open_sealed(self.private, self.info, self.aad, sealed), self.plaintext)


class Aes(unittest.TestCase):
    def test_fips_197_appendix_c_1(self) -> None:
        block = aes_gcm.encrypt_block(bytes(range(16)), H("00112233445566778899aabbccddeeff"))
        self.assertEqual(block, H("69c4e0d86a7b0430d8cdb78070b4c55a"))

    def test_fips_197_appendix_b(self) -> None:
        block = aes_gcm.encrypt_block(
            H("2b7e151628aed2a6abf7158809cf4f3c"), H("3243f6a8885a308d313198a2e0370734")
        )
        self.assertEqual(block, H("3925841d02dc09fbdc118597196a0b32"))

    def test_gcm_case_1_nothing(self) -> None:
        self.assertEqual(aes_gcm.seal(bytes(16), bytes(12), b""), H("58e2fccefa7e3061367f1d57a4e7455a"))

    def test_gcm_case_2_one_block(self) -> None:
        self.assertEqual(aes_gcm.seal(bytes(16), bytes(12), bytes(16)), H(
            "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"
        ))

    def test_gcm_case_4_with_additional_data(self) -> None:
        plaintext = H(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        )
        sealed = aes_gcm.seal(
            H("feffe9928665731c6d6a8f9467308308"),
            H("cafebabefacedbaddecaf888"),
            plaintext,
            H("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
        )
        self.assertEqual(sealed, H(
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
            "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"
        ))


class Rfc8188(unittest.TestCase):
    def test_section_3_1(self) -> None:
        body = decode_base64url(
            "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"
        )
        key = decode_base64url("yqdlZ-tYemfogSmv7Ws5PQ")
        self.assertEqual(open_body(key, body), b"I am the walrus")
        self.assertEqual(seal_body(key, body[:16], b"I am the walrus", 4096), body)

    def test_section_3_2_two_records_with_padding_and_a_key_id(self) -> None:
        body = decode_base64url(
            "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF"
            "1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA"
        )
        self.assertEqual(open_body(decode_base64url("BO3ZVPxUlnLORbVGMpbT1Q"), body), b"I am the walrus")


class HmacDrbg(unittest.TestCase):
    def test_nist_no_reseed(self) -> None:
        for case in json.loads((OFFICIAL / "hmac-drbg-sha256.json").read_text())["cases"]:
            key, value = generators.drbg_instantiate(
                H(case["entropy"]), H(case["nonce"]), H(case["personalization"])
            )
            key, value, _ = generators.drbg_generate(key, value, 128)
            _, _, output = generators.drbg_generate(key, value, 128)
            self.assertEqual(output, H(case["expected"]))


class BlindRsa(unittest.TestCase):
    def test_rfc_9474_appendix_a(self) -> None:
        for case in json.loads((OFFICIAL / "rfc9474.json").read_text()):
            with self.subTest(case["name"]):
                n, e, d, inverse = (int(case[name], 16) for name in ("n", "e", "d", "inv"))
                prepared, salt = H(case["msg_prefix"] + case["msg"]), H(case["salt"] or "")
                blinded, inverted = blind.blind(n, prepared, salt, pow(inverse, -1, n), e)
                self.assertEqual(blinded, H(case["blinded_msg"]))
                self.assertEqual(int.from_bytes(inverted, "big"), inverse)
                signed = blind.blind_sign(n, d, blinded, e)
                self.assertEqual(signed, H(case["blind_sig"]))
                signature = blind.finalize(n, prepared, signed, inverted, e, len(salt))
                self.assertEqual(signature, H(case["sig"]))


class Encoding(unittest.TestCase):
    def test_base64url_is_canonical_or_refused(self) -> None:
        for length in range(40):
            data = bytes(range(length))
            self.assertEqual(decode_base64url(encode_base64url(data)), data)
        for text in ("A", "AB", "AAB", "AA==", "A+", "A/", "A A", "AA\n", "\u00e9\u00e9", "AAAAA"):
            with self.subTest(text), self.assertRaises(ImpulsError):
                decode_base64url(text)

    def test_decimals(self) -> None:
        self.assertEqual([parse_decimal(text) for text in ("1", "10", "4294967295")], [1, 10, 2**32 - 1])
        for text in ("", "0", "01", "4294967296", "12345678901", "-1", "1.0", "1e1", "1\n", "\u0661", 1):
            with self.subTest(text), self.assertRaises(ImpulsError):
                parse_decimal(text)

    def test_json_names_a_member_once(self) -> None:
        self.assertEqual(parse_json('{"a":{"a":1}}'), {"a": {"a": 1}})
        for text in ('{"a":1,"a":1}', '{"b":[{"a":1,"\\u0061":2}]}', "{", "NaN", "[" * 100_000):
            with self.subTest(text[:20]), self.assertRaises(ImpulsError):
                parse_json(text)

    def test_canonical_json_sorts_by_utf_16(self) -> None:
        value = {"\ufb33": 1, "\U0001f600": 2, "b": [True, None, "\u0007\"\\/"], "a": {}}
        expected = '{"a":{},"b":[true,null,"\\u0007\\"\\\\/"],"\U0001f600":2,"\ufb33":1}'
        self.assertEqual(canonical_json(value).decode(), expected)
