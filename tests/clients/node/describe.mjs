// What a test is told of an error: the name and the text that the client's user would see.

export function describe(error) {
  return {
    name: error?.name ?? typeof error,
    code: error?.code == null ? null : String(error.code),
    message: error?.message ?? String(error),
    stack: error?.stack ?? "",
  };
}
