// The words of an error answer, which is problem JSON.
export async function explained(answer) {
  try {
    return (await answer.json()).detail ?? `the router answered ${answer.status}`;
  } catch {
    return `the router answered ${answer.status}`;
  }
}
