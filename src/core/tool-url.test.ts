import { describe, expect, it } from 'vitest';
import { isToolName, toolOfUrl, toolTarget } from './tool-url.js';

describe('the target of a tool', () => {
  it('is a path that no URL parser changes', () => {
    for (const name of ['ask', 'get_weather.v2', '...', 'a'.repeat(128)]) {
      const url = new URL(toolTarget(name), 'https://news.example');
      expect(url.pathname).toBe(`/impuls/tools/${name}`);
      expect(toolOfUrl(url)).toBe(name);
    }
  });

  it('has no name that a URL parser would change', () => {
    for (const name of ['', '.', '..', 'a/b', 'a b', 'ä', 'a?b', 'a%2e', 'a'.repeat(129)]) {
      expect(isToolName(name)).toBe(false);
      expect(() => toolTarget(name)).toThrow('a tool');
    }
    expect(toolOfUrl(new URL('https://news.example/impuls/tools/ask?x=1'))).toBeUndefined();
    expect(toolOfUrl(new URL('https://news.example/articles/1'))).toBeUndefined();
  });
});
