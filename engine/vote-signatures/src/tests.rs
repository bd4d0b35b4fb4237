//! Keys and signatures of security keys and passkeys, which no program creates without the device; they are made here
//! with the same cryptography. Signatures of `ssh-keygen` are checked by the integration tests.

use clawback_model::{Decision, Digest, RemediationId, Signed, Timestamp, VOTE_NAMESPACE, VoteStatement};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use proptest::prelude::*;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use ssh_key::{HashAlg, SshSig};

use crate::approvers::{Approvers, SignatureError};

const AT: Timestamp = Timestamp(1_800_000_000_000_000);

fn statement(id: &RemediationId) -> VoteStatement<'_> {
    VoteStatement {
        remediation: id,
        plan: Digest([7; 32]),
        decision: Decision::Approve,
        votes: 1,
        requester: "ann",
        voter: "ben",
        at: AT,
    }
}

/// Encodes a text or number as SSH does (RFC 4251, section 5).
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// Encodes half of a signature as SSH does: with a zero in front if the first bit is set.
fn number(bytes: &[u8]) -> Vec<u8> {
    let short: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if short.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    field(&[sign, &short].concat())
}

/// Makes an SSH signature of a text by a security key: `sign` signs what the device would.
fn by_security_key(kind: &str, key: &[u8], flags: u8, text: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> (String, Signed) {
    let application = b"ssh:";
    let public = [field(kind.as_bytes()), key.to_vec(), field(application)].concat();
    let line = format!("ben {kind} {}", BASE64.encode(&public));
    let signed = SshSig::signed_data(VOTE_NAMESPACE, HashAlg::Sha512, text.as_bytes()).unwrap();
    let trailer = [flags, 0, 0, 0, 9];
    let hashed = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
    let device = [hashed(application), trailer.to_vec(), hashed(&signed)].concat();
    let signature = [field(kind.as_bytes()), field(&sign(&device)), trailer.to_vec()].concat();
    let whole = [
        b"SSHSIG\0\0\0\x01".to_vec(),
        field(&public),
        field(VOTE_NAMESPACE.as_bytes()),
        field(b""),
        field(b"sha512"),
        field(&signature),
    ]
    .concat();
    let text = BASE64.encode(&whole);
    let lines: Vec<&str> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let armoured = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"));
    (line, Signed::Ssh { signature: armoured })
}

fn ecdsa(algorithm: &'static ring::signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
}

#[test]
fn security_keys_sign_where_somebody_touched_them() {
    let id = RemediationId::from_random(4);
    let text = statement(&id).to_string();
    let edwards = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let curve = ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING);
    for flags in [1, 5, 0, 4] {
        let by_edwards = by_security_key(
            "sk-ssh-ed25519@openssh.com",
            &field(edwards.public_key().as_ref()),
            flags,
            &text,
            |bytes| edwards.sign(bytes).as_ref().to_vec(),
        );
        let point = [field(b"nistp256"), field(curve.public_key().as_ref())].concat();
        let by_curve = by_security_key("sk-ecdsa-sha2-nistp256@openssh.com", &point, flags, &text, |bytes| {
            let signature = curve.sign(&SystemRandom::new(), bytes).unwrap();
            let (r, s) = signature.as_ref().split_at(32);
            [number(r), number(s)].concat()
        });
        for (line, signed) in [by_edwards, by_curve] {
            let approvers = Approvers::parse(&line).unwrap();
            let found = approvers.check(&statement(&id), &signed);
            assert_eq!(found.is_ok(), flags & 1 == 1, "{line} {flags}");
            let other = VoteStatement { decision: Decision::Reject, ..statement(&id) };
            assert!(approvers.check(&other, &signed).is_err());
        }
    }
}

/// A passkey, with the responses of its authenticator and browser.
struct Passkey {
    key: EcdsaKeyPair,
    host: &'static str,
    flags: u8,
    client: String,
}

impl Passkey {
    fn new(text: &str) -> Self {
        let key = ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING);
        let challenge = crate::challenge(text);
        let client = format!(
            "{{\"type\":\"webauthn.get\",\"challenge\":\"{challenge}\",\"origin\":\"https://soc.example:8443\",\"crossOrigin\":false}}"
        );
        Self { key, host: "soc.example", flags: 5, client }
    }

    /// Encodes `SubjectPublicKeyInfo` of a point on P-256 (RFC 5480, section 2).
    fn line(&self) -> String {
        let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let head = data_encoding::HEXLOWER.decode(head.as_bytes()).unwrap();
        let key = BASE64URL_NOPAD.encode(&[&head, self.key.public_key().as_ref()].concat());
        format!("ben passkey soc.example Y3JlZA {key}")
    }

    fn signed(&self) -> Signed {
        let mut data = digest(&SHA256, self.host.as_bytes()).as_ref().to_vec();
        data.extend([self.flags, 0, 0, 0, 1]);
        let client = self.client.as_bytes();
        let signed = [data.as_slice(), digest(&SHA256, client).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        Signed::Passkey {
            credential: "Y3JlZA".into(),
            authenticator_data: BASE64URL_NOPAD.encode(&data),
            client_data: BASE64URL_NOPAD.encode(client),
            signature: BASE64URL_NOPAD.encode(signature.as_ref()),
        }
    }
}

#[test]
fn a_passkey_signs_on_its_own_pages_for_a_user_that_it_knows() {
    let id = RemediationId::from_random(4);
    let text = statement(&id).to_string();
    let is_good = |change: &dyn Fn(&mut Passkey)| {
        let mut passkey = Passkey::new(&text);
        let line = passkey.line();
        change(&mut passkey);
        Approvers::parse(&line).unwrap().check(&statement(&id), &passkey.signed()).is_ok()
    };
    let say = |from: &'static str, to: &'static str| move |it: &mut Passkey| it.client = it.client.replace(from, to);
    assert!(is_good(&|_| ()));
    assert!(is_good(&say("//soc.example:8443", "//a.soc.example")));
    for from in ["//evil.example", "//notsoc.example", "//soc.example.evil.example", "//soc.example@evil.example"] {
        assert!(!is_good(&say("//soc.example:8443", from)), "{from}");
    }
    assert!(!is_good(&say("https:", "http:")));
    assert!(!is_good(&say("webauthn.get", "webauthn.create")));
    assert!(!is_good(&say("false", "true")), "in a frame of another origin");
    assert!(!is_good(&|it| it.host = "evil.example"), "for another relying party");
    assert!(!is_good(&|it| it.flags = 1), "the user was not verified");
    assert!(!is_good(&|it| it.flags = 4), "the user was not present");
    assert!(!is_good(&|it| it.key = ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)), "another key");
    assert!(!is_good(&|it| it.client = Passkey::new("another text").client));
}

#[test]
fn keys_hold_within_their_time() {
    let passkey = Passkey::new("").line();
    let key = passkey.strip_prefix("ben ").unwrap();
    let people = |options: &str| {
        let approvers = Approvers::parse(&format!("ben {options} {key}")).unwrap();
        approvers.people(AT).len()
    };
    // AT is 2027-01-15T08:00:00Z.
    for (options, hold) in [
        ("namespaces=\"clawback-vote\"", 1),
        ("valid-after=\"20270115Z\"", 1),
        ("valid-after=\"202701150800Z\"", 1),
        ("valid-after=\"20270115080001Z\"", 0),
        ("valid-before=\"20270115080001Z\"", 1),
        ("valid-before=\"202701150800Z\"", 0),
        ("valid-after=\"20270101Z\",valid-before=\"20270201Z\"", 1),
    ] {
        assert_eq!(people(options), hold, "{options}");
    }
}

#[test]
fn lines_that_say_something_else_are_refused_by_their_number() {
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    let rsa_of_two = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==";
    for (line, with) in [
        (format!("* {ssh}"), "a line is for one person"),
        (format!("ben,cat {ssh}"), "a line is for one person"),
        (format!("cat {ssh}"), "cat has the same key as ben"),
        (format!("ben cert-authority {ssh}"), "keys of authorities"),
        (format!("ben namespaces=\"git\" {ssh}"), "another namespace"),
        (format!("ben valid-after=\"20270115\" {ssh}"), "in UTC"),
        (format!("ben valid-after=\"20271315Z\" {ssh}"), "in UTC"),
        (format!("ben verify-required {ssh}"), "the options are"),
        (format!("ben {rsa_of_two}"), "no SSH public key"),
        ("ben passkey soc.example Y3JlZA AAAA".to_owned(), "of no kind"),
        ("ben passkey soc.example Y3JlZA".to_owned(), "as the page for passkeys shows"),
        ("ben".to_owned(), "NAME KIND KEY"),
        ("ben ssh-ed25519".to_owned(), "the key is missing"),
    ] {
        let (number, said) = Approvers::parse(&format!("# keys\n\nben {ssh}\n{line}\n")).unwrap_err();
        assert_eq!(number, 4, "{line}");
        assert!(said.contains(with), "{line}: {said}");
    }
    let quoted = Approvers::parse(&format!("\"Ben Bo\" {ssh} a comment")).unwrap();
    assert_eq!(quoted.people(AT).into_iter().collect::<Vec<_>>(), ["Ben Bo"]);
}

proptest! {
    #[test]
    fn no_bytes_stop_a_check(signature in ".{0,200}", data in prop::collection::vec(any::<u8>(), 0..80)) {
        let id = RemediationId::from_random(4);
        let approvers = Approvers::parse(&Passkey::new("").line()).unwrap();
        let data = BASE64URL_NOPAD.encode(&data);
        let signed = Signed::Passkey {
            credential: "Y3JlZA".into(), authenticator_data: data.clone(), client_data: data.clone(), signature: data,
        };
        prop_assert_eq!(approvers.check(&statement(&id), &signed), Err(SignatureError::Wrong { name: "ben".into() }));
        let signed = Signed::Ssh { signature };
        let refused = approvers.check(&statement(&id), &signed).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn no_line_stops_the_reader(line in ".{0,200}") {
        let _ = Approvers::parse(&line);
    }
}
