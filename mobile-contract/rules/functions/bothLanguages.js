// An example of an answer is named `<case>.ar` or `<case>.en`, and has its pair.
export default (examples) =>
  Object.keys(examples).flatMap((name) => {
    const [, stem, language] = /^(.+)\.(ar|en)$/.exec(name) ?? [];
    if (stem === undefined) return [{ message: `${name} says no language: call it ${name}.ar or ${name}.en.` }];
    const pair = `${stem}.${language === "ar" ? "en" : "ar"}`;
    return pair in examples ? [] : [{ message: `${name} has no ${pair} beside it.` }];
  });
