/** What one check found about one thing. */
export interface Diagnosis {
  /** The check's name. */
  readonly check: string;
  /** `wrong`: somebody has to do something. `note`: unusual, and maybe meant. */
  readonly level: "ok" | "note" | "wrong";
  /** A sentence. */
  readonly text: string;
  /** What to do; empty where all is well. */
  readonly advice: string;
}

/** Collects what one check finds. */
export interface DiagnosisBuilder {
  note(text: string, advice: string): void;
  wrong(text: string, advice: string): void;
  /** What was noted and wrong; `ok` with this text when nothing was. */
  finish(okText: string): readonly Diagnosis[];
}

export function startDiagnosis(check: string): DiagnosisBuilder {
  const found: Diagnosis[] = [];
  return {
    note: (text, advice) => void found.push({ check, level: "note", text, advice }),
    wrong: (text, advice) => void found.push({ check, level: "wrong", text, advice }),
    finish: (text) => (found.length > 0 ? found : [{ check, level: "ok", text, advice: "" }]),
  };
}
