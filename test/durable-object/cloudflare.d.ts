/** What the worker of the tests needs of the platform's own module. */
declare module 'cloudflare:workers' {
  export const DurableObject: new (context: never, env: never) => object;
}
