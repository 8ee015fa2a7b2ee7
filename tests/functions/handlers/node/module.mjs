const started = await Promise.resolve("top-level await");
export const handler = async () => started;
