/** All that a generateContent body can say (`GenerateContentParameters`, as it goes over the wire). */
import type { Content, GenerationConfig, Part, ToolConfig } from '@google/genai';
import type { Builder } from './specimen.ts';

type Wire<T> = { [field in keyof T]?: unknown };

export function geminiRequest(b: Builder): object {
  const withIds = b.random() < 0.5;
  const text = (): Wire<Part> => ({ text: b.text() });
  const signed = (): Wire<Part> => b.maybe(() => ({ thoughtSignature: b.base64() }));
  const blob = (): Wire<Part> => ({
    inlineData: {
      mimeType: b.oneOf('image/png', 'image/webp'),
      data: b.base64(),
      ...b.maybe(() => ({ displayName: b.text() })),
    },
  });
  const id = (value: string): object => (withIds ? { id: value } : {});
  const generationConfig: Wire<GenerationConfig> = {
    ...b.maybe(() => ({ temperature: b.number(0.31, 0.74) })),
    ...b.maybe(() => ({ topP: b.number(0.52, 0.81) })),
    ...b.maybe(() => ({ topK: b.number(37, 38) })),
    ...b.maybe(() => ({ candidateCount: b.number(2, 3) })),
    ...b.maybe(() => ({ maxOutputTokens: b.number(4711, 815) })),
    ...b.maybe(() => ({ stopSequences: [b.text(), b.text()] })),
    ...b.maybe(() => ({ responseLogprobs: true, logprobs: b.number(3, 4) })),
    ...b.maybe(() => ({ presencePenalty: b.number(0.12, 0.4) })),
    ...b.maybe(() => ({ frequencyPenalty: b.number(0.11, 0.4) })),
    ...b.maybe(() => ({ seed: b.number(99, 98) })),
    ...b.pick<object>(
      () => ({}),
      () => ({ responseMimeType: b.oneOf('application/json', 'text/plain') }),
      () => ({
        responseMimeType: 'application/json',
        responseSchema: {
          type: 'OBJECT',
          properties: { a: { type: 'STRING', description: b.text() } },
        },
      }),
      () => ({
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object', title: b.text() },
      }),
    ),
    ...b.maybe(() => ({ responseModalities: [b.oneOf('TEXT', 'IMAGE')] })),
    ...b.maybe(() => ({
      mediaResolution: b.oneOf('MEDIA_RESOLUTION_LOW', 'MEDIA_RESOLUTION_HIGH'),
    })),
    ...b.maybe(() => ({
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: b.text() } } },
    })),
    ...b.maybe(() => ({ audioTimestamp: b.oneOf(true, undefined) })),
    ...b.maybe(() => ({
      thinkingConfig: {
        ...b.maybe(() => ({ includeThoughts: b.oneOf(true, false) })),
        ...b.pick<object>(
          () => ({ thinkingBudget: b.number(2048, 20000) }),
          () => ({ thinkingLevel: b.oneOf('LOW', 'HIGH') }),
        ),
      },
    })),
    ...b.maybe(() => ({ imageConfig: { aspectRatio: b.text() } })),
    ...b.maybe(() => ({ enableAffectiveDialog: b.oneOf(true, undefined) })),
  };
  const contents: Wire<Content>[] = [
    {
      role: 'user',
      parts: b.some(
        text,
        blob,
        () => ({
          inlineData: { mimeType: 'application/pdf', data: b.base64() },
        }),
        () => ({ inlineData: { mimeType: 'audio/wav', data: b.base64() } }),
        () => ({
          inlineData: { mimeType: 'video/mp4', data: b.base64() },
          ...b.maybe(() => ({ videoMetadata: { startOffset: b.text('', 's') } })),
        }),
        () => ({
          fileData: { mimeType: b.oneOf('image/png'), fileUri: b.text('https://files.test/') },
        }),
        () => ({ fileData: { mimeType: 'application/pdf', fileUri: b.text('gs://bucket/') } }),
      ),
    },
    {
      role: 'model',
      parts: [
        ...b.some<Wire<Part>>(
          () => ({ text: b.text(), thought: true }),
          () => ({ ...text(), ...signed() }),
        ),
        {
          functionCall: {
            ...id('c1'),
            name: 'look_up',
            args: { q: b.text(), n: b.number(17, 18) },
          },
          ...signed(),
        },
        { functionCall: { ...id('c2'), name: 'find', args: {} } },
      ],
    },
    {
      role: 'user',
      parts: [
        {
          functionResponse: {
            ...id('c1'),
            name: 'look_up',
            response: b.pick<object>(
              () => ({ output: b.text() }),
              () => ({ error: b.text() }),
              () => ({ deep: { a: b.text() }, n: b.number(12, 13) }),
            ),
            ...b.maybe(() => ({ scheduling: b.oneOf('SILENT', 'WHEN_IDLE') })),
          },
        },
        { functionResponse: { ...id('c2'), name: 'find', response: { result: b.text() } } },
      ],
    },
    ...(b.random() < 0.3
      ? [
          {
            role: 'model',
            parts: [
              { executableCode: { language: 'PYTHON', code: b.text() } },
              { codeExecutionResult: { outcome: 'OUTCOME_OK', output: b.text() } },
              text(),
            ],
          },
        ]
      : []),
    { role: 'user', parts: [text()] },
  ];
  const toolConfig: Wire<ToolConfig> = {
    ...b.maybe(() => ({
      functionCallingConfig: {
        mode: b.oneOf('AUTO', 'ANY', 'NONE'),
        ...b.maybe(() => ({ allowedFunctionNames: [b.oneOf('look_up', 'find')] })),
      },
    })),
    ...b.maybe(() => ({ retrievalConfig: { languageCode: b.text() } })),
  };
  return {
    contents,
    ...b.maybe(() => ({ systemInstruction: { parts: [text(), text()] } })),
    generationConfig,
    tools: [
      {
        functionDeclarations: [
          {
            name: 'look_up',
            ...b.maybe(() => ({ description: b.text() })),
            ...b.pick<object>(
              () => ({
                parameters: {
                  type: 'OBJECT',
                  properties: { q: { type: 'STRING', description: b.text() } },
                },
              }),
              () => ({ parametersJsonSchema: { type: 'object', title: b.text() } }),
            ),
            ...b.maybe(() => ({ behavior: b.oneOf('BLOCKING', 'NON_BLOCKING') })),
            ...b.maybe(() => ({ response: { type: 'OBJECT', description: b.text() } })),
          },
          { name: 'find' },
        ],
      },
      ...(b.random() < 0.4 ? [{ googleSearch: { excludeDomains: [b.text()] } }] : []),
    ],
    toolConfig,
    ...b.maybe(() => ({
      safetySettings: [
        {
          category: 'HARM_CATEGORY_HARASSMENT',
          threshold: b.oneOf('BLOCK_NONE', 'BLOCK_ONLY_HIGH'),
        },
      ],
    })),
    ...b.maybe(() => ({ cachedContent: b.text('cachedContents/') })),
    ...b.maybe(() => ({ labels: { team: b.text() } })),
    ...b.maybe(() => ({ serviceTier: b.oneOf('flex', 'priority') })),
    ...b.maybe(() => ({ store: b.oneOf(true, false) })),
  };
}
