// An identity provider for tests: `node provider.mjs FOLDER PORT REDIRECT CLAIMS-IN-ID-TOKEN`, where FOLDER/people.json says who
// has which claims. A login needs no password, as in the provider's own demonstration.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, port, redirect, inIdToken] = process.argv.slice(2);
const require = createRequire(`${process.env.TOOLS}/node_modules/`);
const { default: Provider } = await import(require.resolve('oidc-provider'));
const people = () => JSON.parse(readFileSync(`${folder}/people.json`, 'utf8'));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'clawback', client_secret: 'a secret of forty characters or thereabouts', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups', 'email_verified', 'updated_at'] },
  conformIdTokenClaims: inIdToken !== 'yes',
  pkce: { required: () => true },
  // Two claims have the type that some providers use, not the one in the specification.
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email_verified: 'true', updated_at: '2026-11-20T10:00:00.000Z', ...people()[id] }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
