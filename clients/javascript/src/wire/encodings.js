// The two encodings of the protocol, by their name in the subprotocol.

import { decodeBincode, decodeJson, encodeBincode, encodeJson } from './messages.js';

const UTF8 = new TextEncoder();

export const ENCODINGS = {
  json: { encode: encodeJson, decode: decodeJson, isFrame: (data) => typeof data === 'string', payloadOf: (data) => data },
  bincode: {
    encode: encodeBincode,
    decode: decodeBincode,
    isFrame: (data) => data instanceof ArrayBuffer,
    payloadOf: (data) => new Uint8Array(data),
  },
};

/** Bytes of a text on the wire. */
export const byteLength = (text) => UTF8.encode(text).length;
