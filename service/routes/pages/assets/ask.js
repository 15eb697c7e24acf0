// Asks the service; addresses are relative, so that a path prefix holds.

export async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", ...options });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw Object.assign(new Error("the service does not answer; is it still running?"), { status: 0 });
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    const sentence = body?.error ?? `the service answered with status ${response.status}`;
    throw Object.assign(new Error(sentence), { status: response.status });
  }
  return { body, headers: response.headers };
}
