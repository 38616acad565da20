import { beforeAll, describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { isObject, type JsonObject } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import { GoogleAuth } from '../../src/quirks/google-auth.ts';
import type { Quirk, QuirkContext, QuirkEffects } from '../../src/quirks/quirk.ts';
import { vertexClaude, vertexGemini, vertexOpenAi } from '../../src/quirks/vertex.ts';
import { ask, encodeWith } from './support.ts';

const HOUR = 3_600_000;
let keys: CryptoKeyPair;
let pem: string;

beforeAll(async () => {
  keys = await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
    true,
    ['sign', 'verify'],
  );
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  pem = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
});

type Writable<T> = { -readonly [K in keyof T]: T[K] };
interface Asked {
  url: string;
  form: URLSearchParams;
}

/** Google's token server, which counts what it is asked. */
function google(
  reply: JsonObject = {},
  status = 200,
): Writable<QuirkEffects> & { asked: Asked[]; time: number } {
  const asked: Asked[] = [];
  return {
    asked,
    time: 1_700_000_000_000,
    environment: {},
    async request(url, { body }) {
      asked.push({ url, form: new URLSearchParams(String(body ?? '')) });
      const token = { access_token: `token-${asked.length}`, expires_in: 3600, ...reply };
      return Response.json(token, { status });
    },
    readFile: async () => undefined,
    now() {
      return this.time;
    },
  };
}

const account = () => ({ client_email: 'me@p.iam.gserviceaccount.com', private_key: pem });

describe('Google tokens', () => {
  test('a service account signs for its token', async () => {
    const deps = google();
    expect(await new GoogleAuth(account(), deps).accessToken()).toBe('token-1');
    const [{ url, form }] = deps.asked as [Asked];
    expect(url).toBe('https://oauth2.googleapis.com/token');
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      iss: 'me@p.iam.gserviceaccount.com',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      aud: url,
      iat: 1_700_000_000,
      exp: 1_700_003_600,
    });
    const isValid = await crypto.subtle.verify(
      'RSASSA-PKCS1-v1_5',
      keys.publicKey,
      Buffer.from(signature, 'base64url'),
      Buffer.from(`${header}.${claims}`),
    );
    expect(isValid).toBe(true);
  });

  test('a key with written-out line breaks is read', async () => {
    const options = { ...account(), private_key: pem.replaceAll('\n', '\\n') };
    expect(await new GoogleAuth(options, google()).accessToken()).toBe('token-1');
  });

  test('a token is kept until shortly before its end, and asked for once', async () => {
    const deps = google();
    const auth = new GoogleAuth(account(), deps);
    expect(await Promise.all([auth.accessToken(), auth.accessToken()])).toEqual([
      'token-1',
      'token-1',
    ]);
    deps.time += HOUR - 6 * 60_000;
    expect(await auth.accessToken()).toBe('token-1');
    deps.time += 2 * 60_000;
    expect(await auth.accessToken()).toBe('token-2');
  });

  test('a file from the environment, of a user who logged in', async () => {
    const deps = google();
    deps.environment = { GOOGLE_APPLICATION_CREDENTIALS: '/key.json' };
    const login = {
      type: 'authorized_user',
      client_id: 'i',
      client_secret: 's',
      refresh_token: 'r',
    };
    deps.readFile = async (path) => (path === '/key.json' ? JSON.stringify(login) : undefined);
    await new GoogleAuth({}, deps).accessToken();
    expect(Object.fromEntries(deps.asked[0]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      client_id: 'i',
      client_secret: 's',
      refresh_token: 'r',
    });
  });

  test('without any credentials the machine is asked', async () => {
    const deps = google();
    expect(await new GoogleAuth({}, deps).accessToken()).toBe('token-1');
    expect(deps.asked[0]?.url).toStartWith('http://metadata.google.internal/');
  });

  test('a ready token is used as it is', async () => {
    const deps = google();
    expect(await new GoogleAuth({ accessToken: 'mine' }, deps).accessToken()).toBe('mine');
    expect(deps.asked).toEqual([]);
  });

  test('a refusal says why, without key or token, and the next request asks again', async () => {
    const deps = google({ access_token: undefined, error_description: 'Invalid JWT' }, 400);
    const auth = new GoogleAuth(account(), deps);
    const error: unknown = await auth.accessToken().catch((cause: unknown) => cause);
    if (!(error instanceof GatewayError)) throw new Error('no gateway error');
    expect(error.kind).toBe('upstream_credentials');
    expect(error.message).toContain('Invalid JWT');
    expect(Bun.inspect(error)).not.toContain('BEGIN PRIVATE KEY');
    await auth.accessToken().catch(() => undefined);
    expect(deps.asked).toHaveLength(2);
  });

  test('a token server that cannot be reached is no fault of the credentials', async () => {
    const deps = google();
    deps.request = async () => {
      throw new TypeError('no route');
    };
    const error: unknown = await new GoogleAuth(account(), deps)
      .accessToken()
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ kind: 'upstream_unreachable' });
  });

  test('a key that is none is told without quoting it', async () => {
    const options = { ...account(), private_key: 'c2VjcmV0' };
    const asked = new GoogleAuth(options, google()).accessToken();
    expect(asked).rejects.toThrow('private_key');
    expect(asked).rejects.not.toThrow('c2VjcmV0');
  });
});

const place = { project: 'proj', location: 'europe-west1', accessToken: 'secret' };

async function targetOf(
  quirk: Quirk,
  model: string,
  {
    options = place,
    stream = false,
    baseUrl = '',
    effects = google(),
  }: {
    options?: JsonObject;
    stream?: boolean;
    baseUrl?: string;
    effects?: QuirkEffects;
  } = {},
) {
  const context: QuirkContext = {
    provider: 'p',
    baseUrl,
    model,
    format: 'chat',
    ledger: new Ledger(),
  };
  const change = await quirk
    .create(options, effects)
    .target?.('https://old/', ask({ stream }), context);
  return { url: change?.url, headers: change?.headers ?? {} };
}

describe('vertex', () => {
  const gemini = vertexGemini;
  const claude = vertexClaude;
  const openAi = vertexOpenAi;
  const host = 'https://europe-west1-aiplatform.googleapis.com';

  test.each([
    [false, 'generateContent'],
    [true, 'streamGenerateContent?alt=sse'],
  ])('gemini, stream %p', async (stream, method) => {
    const { url, headers } = await targetOf(gemini, 'gemini-2.5-pro', { stream });
    const path = '/v1beta1/projects/proj/locations/europe-west1/publishers/google/models';
    expect(url).toBe(`${host}${path}/gemini-2.5-pro:${method}`);
    expect(headers).toMatchObject({ authorization: 'Bearer secret' });
    expect(Object.keys(headers)).toContain('x-goog-api-key');
    expect(headers['x-goog-api-key']).toBeUndefined();
  });

  test.each([
    [false, 'rawPredict'],
    [true, 'streamRawPredict'],
  ])('claude, stream %p', async (stream, method) => {
    const { url, headers } = await targetOf(claude, 'claude-sonnet-4-5@20250929', { stream });
    const path = '/v1/projects/proj/locations/europe-west1/publishers/anthropic/models';
    expect(url).toBe(`${host}${path}/claude-sonnet-4-5@20250929:${method}`);
    expect(Object.keys(headers)).toContain('anthropic-beta');
    expect(headers['anthropic-beta']).toBeUndefined();
  });

  test.each([
    ['global', 'https://aiplatform.googleapis.com'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com'],
  ])('location %s', async (location, expected) => {
    const { url } = await targetOf(claude, 'claude', { options: { ...place, location } });
    expect(url).toStartWith(`${expected}/v1/projects/proj/locations/${location}/`);
  });

  test('a base URL of the configuration keeps its host', async () => {
    const { url } = await targetOf(gemini, 'g', { baseUrl: 'https://vertex.internal/v1' });
    expect(url).toStartWith('https://vertex.internal/v1beta1/projects/');
  });

  test('openai: with a place the path is made, without one the URL stays', async () => {
    const path = '/v1/projects/proj/locations/europe-west1/endpoints/openapi/chat/completions';
    expect((await targetOf(openAi, 'google/gemini')).url).toBe(host + path);
    const bare = await targetOf(openAi, 'google/gemini', { options: { accessToken: 'secret' } });
    expect(bare.url).toBeUndefined();
    expect(bare.headers).toMatchObject({ authorization: 'Bearer secret' });
  });

  test('project and location from the environment', async () => {
    const deps = google();
    deps.environment = { GOOGLE_CLOUD_PROJECT: 'env', GOOGLE_CLOUD_LOCATION: 'us-east5' };
    const { url } = await targetOf(gemini, 'g', {
      options: { accessToken: 't' },
      effects: deps,
    });
    expect(url).toStartWith('https://us-east5-aiplatform.googleapis.com/v1beta1/projects/env/');
  });

  test('no project anywhere is told', async () => {
    expect(targetOf(gemini, 'g', { options: { accessToken: 't' } })).rejects.toThrow('project');
  });
});

describe('vertex-claude: the body', () => {
  const quirk = vertexClaude;
  const setting = { format: 'messages', model: 'claude-sonnet-4-5', options: place } as const;

  test('has the version and no model', () => {
    const { body } = encodeWith(quirk, ask({ max_tokens: 10 }), setting);
    expect(body['anthropic_version']).toBe('vertex-2023-10-16');
    expect(body).not.toHaveProperty('model');
    expect(body).not.toHaveProperty('anthropic_beta');
  });

  test('has the betas of the configuration', () => {
    const options = { ...place, betas: ['context-1m-2025-08-07'] };
    const { body } = encodeWith(quirk, ask(), { ...setting, options });
    expect(body['anthropic_beta']).toEqual(['context-1m-2025-08-07']);
  });

  test('has marks without scope, and reports it', () => {
    const mark = { type: 'ephemeral', scope: 'global' };
    const request = ask({
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'Be brief.', cache_control: mark }] },
        { role: 'user', content: 'Hi' },
      ],
    });
    const { body, dropped } = encodeWith(quirk, request, setting);
    expect(body['system']).toEqual([
      { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
    ]);
    expect(dropped).toContain('cache_control.scope');
  });

  test('keeps everything else', () => {
    const { body } = encodeWith(quirk, ask({ max_tokens: 10, temperature: 0.5 }), setting);
    expect(isObject(body)).toBe(true);
    expect(body).toMatchObject({ max_tokens: 10, temperature: 0.5 });
    expect(body['messages']).toEqual([{ role: 'user', content: 'Hi' }]);
  });
});
