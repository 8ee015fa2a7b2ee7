// What a test is told of an error: the name and the text that the client's user would see.

export function describe(error) {
  return {
    // Some libraries name their errors by class alone.
    name: error?.name === "Error" ? error.constructor.name : (error?.name ?? typeof error),
    code: error?.code == null ? null : String(error.code),
    message: error?.message ?? String(error),
    stack: error?.stack ?? "",
  };
}
