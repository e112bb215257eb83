// Package keyring keeps the signing keys of a registration: one key in a file
// or a variable, or a folder of keys that are rotated while exports run.
//
// In a folder every change of fact is one new file, so that a crash leaves it
// done or not done, two processes cannot both do it, and a running service sees
// it at its next token request. A new key is published before it signs: for as
// long as servers may keep an older copy of the key set, or until a person
// confirms that the vendor has it. The old key stays published until the last
// assertion that it can have signed is over. A disabled key never signs again.
//
// It never gives a private key to anything but the signer, never publishes a
// private member, and uses no folder or file that others can read.
//
// Standard: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
// and RFC 7517 (JSON Web Key), https://www.rfc-editor.org/rfc/rfc7517
package keyring
