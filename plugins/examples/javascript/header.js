// The header of a message (RFC 5322, RFC 2047) as a record of the contract. What this does not decode is in `cut`: a
// condition on it is then undecided, and never taken for "no".
import { sha256 } from './sha256.js';

const FIELDS = ['message-id', 'date', 'from', 'to', 'subject', 'cc', 'content-type'];
const ADDRESS = '[^\\s<>()",:;@\\\\]+@[^\\s<>()",:;@\\\\]+';
const SENDER = new RegExp(`^(?:"?([^"<>@,;:()\\\\]*)"?\\s*<(${ADDRESS})>|(${ADDRESS}))$`);
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

// Returns the bytes of the header, one character each, and its fields; nothing if the header does not end in them.
export function parse(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  const end = text.search(/\r?\n\r?\n/);
  if (end < 0) return undefined;
  const lines = text.slice(0, end).replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/);
  return lines.filter((line) => line.includes(':')).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  });
}

const all = (fields, name) => fields.filter(([known]) => known === name).map(([, value]) => value);

export function fingerprint(fields) {
  const words = (value) => value.split(/\s+/).join(' ');
  return sha256(FIELDS.map((name) => [name, ...all(fields, name).map(words)].join('\n')).join('\0')).slice(0, 40);
}

function base64(text) {
  let [bits, held, bytes] = [0, 0, ''];
  for (const letter of text.replace(/=+$/, '')) {
    [bits, held] = [((bits << 6) | BASE64.indexOf(letter)) & 0xffff, held + 6];
    if (held >= 8) bytes += String.fromCharCode((bits >> (held -= 8)) & 0xff);
  }
  return bytes;
}

// Returns the text of a value, and whether all of it is decoded: encoded words of UTF-8, or UTF-8 as it is.
function decoded(value) {
  const quoted = (text) => text.replace(/_/g, ' ').replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  const bytes = value.replace(/\?=\s+=\?/g, '?==?').replace(/=\?(?:utf-8|us-ascii)\?([bq])\?([^?\s]*)\?=/gi,
    (_, kind, text) => (kind.toLowerCase() === 'b' ? base64(text) : quoted(text)));
  try {
    return [decodeURIComponent(escape(bytes)), !bytes.includes('=?')];
  } catch {
    return [bytes, false];
  }
}

// Returns the message with this header, and the requested fields of it.
export function message(fields, wanted) {
  const cut = ['attachments'];
  const text = (value, name) => {
    const [decodedText, isWhole] = decoded(value);
    if (!isWhole) cut.push(name);
    return decodedText;
  };
  const senders = all(fields, 'from');
  const sender = SENDER.exec(senders[0] ?? '');
  const name = text(sender?.[1] ?? '', 'from-name').trim();
  if (!sender || senders.length > 1 || name.includes('@')) cut.push('from');
  const addresses = (value) => value.match(new RegExp(ADDRESS, 'g'))?.map((one) => one.toLowerCase()) ?? [];
  const recipients = [...all(fields, 'to'), ...all(fields, 'cc')].join(', ').replace(/"[^"@\\]*"/g, '');
  if (/["()\\:;]|=\?/.test(recipients)) cut.push('to');
  return {
    messageId: all(fields, 'message-id')[0] ?? '',
    subject: text(all(fields, 'subject')[0] ?? '', 'subject'),
    fromAddress: (sender?.[2] ?? sender?.[3] ?? addresses(senders.join(' '))[0] ?? '').toLowerCase(),
    fromName: name,
    alsoFrom: [],
    to: addresses(recipients),
    headers: wanted.flatMap((field) => all(fields, field.toLowerCase())
      .map((value) => [field.toLowerCase(), text(value, `header ${field.toLowerCase()}`)])),
    cut,
  };
}
