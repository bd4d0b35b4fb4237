// Signs votes with a passkey, and makes one (WebAuthn level 2). Without this script, votes are signed on the command line.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

for (const form of document.querySelectorAll("form[data-passkeys]")) {
  const said = form.querySelector("[role=alert]");
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const challenge = button?.dataset.challenge;
    if (challenge === undefined || form.dataset.signed === button.value) return;
    event.preventDefault();
    const allowCredentials = form.dataset.passkeys.split(" ").map((id) => ({ type: "public-key", id: bytes(id) }));
    try {
      const { id, response } = await navigator.credentials.get({
        publicKey: { challenge: bytes(challenge), rpId: form.dataset.host, allowCredentials, userVerification: "required" },
      });
      form.elements.credential.value = id;
      form.elements.authenticator_data.value = text(response.authenticatorData);
      form.elements.client_data.value = text(response.clientDataJSON);
      form.elements.signature.value = text(response.signature);
    } catch (error) {
      said.textContent = `Nothing was voted: the passkey did not sign (${error.message}).`;
      said.hidden = false;
      return;
    }
    form.dataset.signed = button.value;
    form.requestSubmit(button);
  });
}

for (const button of document.querySelectorAll("button[data-passkey-of]")) {
  const said = document.querySelector("#passkey");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const name = button.dataset.passkeyOf;
    try {
      const { id, response } = await navigator.credentials.create({
        publicKey: {
          challenge: crypto.getRandomValues(new Uint8Array(32)),
          rp: { id: location.hostname, name: "Clawback" },
          user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
          pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
          authenticatorSelection: { userVerification: "required" },
        },
      });
      const shown = /[\s"#]/.test(name) ? `"${name}"` : name;
      said.textContent = `${shown} passkey ${location.hostname} ${id} ${text(response.getPublicKey())}`;
    } catch (error) {
      said.textContent = `No passkey was made (${error.message}).`;
    }
    said.hidden = false;
  });
}
