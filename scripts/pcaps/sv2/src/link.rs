//! One end of a connection: whole SV2 frames, sealed by Noise or in clear.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use binary_sv2::{GetSize, Serialize};
use codec_sv2::{
    Decoded, Decoder, Decrypted, Encoder, Handshake, MessageFrame, NoiseDecoder, NoiseEncoder,
    TransportDecryptState, TransportEncryptState,
};
use noise_sv2::{ELLSWIFT_ENCODING_SIZE, INITIATOR_EXPECTED_HANDSHAKE_MESSAGE_SIZE, Initiator, Responder};
use secp256k1::{Keypair, Secp256k1};

/// The pool's authority key in these recordings. It guards nothing.
const AUTHORITY: [u8; 32] = [0x5a; 32];
const CERTIFICATE_VALIDITY: Duration = Duration::from_secs(86_400);

pub struct Link {
    stream: TcpStream,
    seal: Seal,
}

enum Seal {
    Noise(Option<TransportEncryptState>, Option<TransportDecryptState>),
    Plain,
}

impl Link {
    /// The miner's end; shakes hands where `noise`.
    pub fn initiate(mut stream: TcpStream, noise: bool) -> Result<Self, Box<dyn Error>> {
        stream.set_nodelay(true)?;
        if !noise {
            return Ok(Self { stream, seal: Seal::Plain });
        }
        let initiator =
            Initiator::from_raw_k(authority().x_only_public_key().0.serialize()).map_err(debug)?;
        let (hello, sent) = Handshake::initiator(initiator).step_0().map_err(debug)?;
        stream.write_all(hello.payload())?;
        let mut answer = [0; INITIATOR_EXPECTED_HANDSHAKE_MESSAGE_SIZE];
        stream.read_exact(&mut answer)?;
        let (encrypt, decrypt) = sent.step_2(answer).map_err(debug)?.split();
        Ok(Self { stream, seal: Seal::Noise(Some(encrypt), Some(decrypt)) })
    }

    /// The pool's end.
    pub fn respond(mut stream: TcpStream, noise: bool) -> Result<Self, Box<dyn Error>> {
        stream.set_nodelay(true)?;
        if !noise {
            return Ok(Self { stream, seal: Seal::Plain });
        }
        let (public, private) = (authority().x_only_public_key().0.serialize(), authority().secret_bytes());
        let responder =
            Responder::from_authority_kp(&public, &private, CERTIFICATE_VALIDITY).map_err(debug)?;
        let mut hello = [0; ELLSWIFT_ENCODING_SIZE];
        stream.read_exact(&mut hello)?;
        let (answer, transport) = Handshake::responder(responder).step_1(hello).map_err(debug)?;
        stream.write_all(answer.payload())?;
        let (encrypt, decrypt) = transport.split();
        Ok(Self { stream, seal: Seal::Noise(Some(encrypt), Some(decrypt)) })
    }

    /// Sends one message.
    pub fn send<M: Serialize + GetSize>(
        &mut self,
        message: M,
        kind: u8,
        for_channel: bool,
    ) -> Result<(), Box<dyn Error>> {
        let frame = MessageFrame::from_message(message, kind, 0, for_channel).map_err(debug)?;
        match &mut self.seal {
            Seal::Plain => self.stream.write_all(Encoder::new().encode(frame).map_err(debug)?.as_ref())?,
            Seal::Noise(encrypt, _) => {
                let state = encrypt.as_mut().ok_or("no key to seal with")?;
                let sealed = NoiseEncoder::new().encode_transport(frame, state).map_err(debug)?;
                self.stream.write_all(sealed.as_ref())?;
            }
        }
        Ok(())
    }

    /// Waits for one message and tells its type and its content.
    pub fn receive(&mut self) -> Result<(u8, Vec<u8>), Box<dyn Error>> {
        match &mut self.seal {
            Seal::Plain => {
                let mut decoder = Decoder::new();
                loop {
                    self.stream.read_exact(decoder.writable())?;
                    if let Decoded::Frame(mut frame) = decoder.next_frame().map_err(debug)? {
                        return Ok((frame.header().msg_type(), frame.payload().to_vec()));
                    }
                }
            }
            Seal::Noise(_, decrypt) => {
                let mut decoder = NoiseDecoder::new();
                let mut state = decrypt.take().ok_or("no key to open with")?;
                loop {
                    self.stream.read_exact(decoder.writable())?;
                    match decoder.next_transport_frame(state).map_err(debug)? {
                        Decrypted::Frame(mut frame, next) => {
                            *decrypt = Some(next);
                            return Ok((frame.header().msg_type(), frame.payload().to_vec()));
                        }
                        Decrypted::Incomplete(_, next) => state = next,
                    }
                }
            }
        }
    }

    /// Waits for one message, which must be of this type.
    pub fn expect(&mut self, kind: u8) -> Result<Vec<u8>, Box<dyn Error>> {
        match self.receive()? {
            (found, content) if found == kind => Ok(content),
            (found, _) => Err(format!("message type {found:#04x} where {kind:#04x} was due").into()),
        }
    }
}

fn authority() -> Keypair {
    Keypair::from_seckey_slice(&Secp256k1::new(), &AUTHORITY).expect("the constant is a valid key")
}

/// The crates' errors are not all of std; these programs only print them.
pub fn debug(error: impl std::fmt::Debug) -> Box<dyn Error> {
    format!("{error:?}").into()
}
