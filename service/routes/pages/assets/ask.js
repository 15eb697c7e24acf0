// Asks the service; addresses are relative, so that a path prefix holds.

// What a header can carry: a key that was copied with something that nobody sees could not even be sent.
export const isKey = (given) => /^[!-~]+$/.test(given);

export async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", ...options });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw Object.assign(new Error("the service does not answer; is it still running?"), { status: 0 });
  }
  const body = await response.json().catch((problem) => {
    if (problem.name === "AbortError") throw problem;
    return null;
  });
  if (!response.ok) {
    const sentence = body?.error ?? `the service answered with status ${response.status}`;
    throw Object.assign(new Error(sentence), { status: response.status });
  }
  if (body === null) {
    throw Object.assign(new Error("the answer is no JSON; is something between this page and the service?"), { status: response.status });
  }
  return { body, headers: response.headers };
}
