using CustomMethod;
using Engine.FineTuning;
using Engine.Optim.Methods;
using Engine.Training.Configuration;

// A method of the program's own: its keys are read from run files, checked and documented as those of Engine's methods.
MethodCatalog.Register<GradualRate>();

string models = args is [var folder, ..] ? folder : "models";
RunConfiguration run = RunConfiguration.Load(
    Path.Combine(models, "demo", "run.yaml"), ["method={name: gradual-rate, decay: 0.5}", "max_steps=20"]) with
{
    Output = Directory.CreateTempSubdirectory("gradual-").FullName,
};
using TextClassifier classifier = await FineTune.ClassifierAsync(run);

// It goes with others, here with the noise of Flat-LoRA.
RunConfiguration both = run with
{
    Method = new Together(new FlatLora { Rho = 0.05 }, new GradualRate()),
    Output = Directory.CreateTempSubdirectory("both-").FullName
};
using TextClassifier flat = await FineTune.ClassifierAsync(both);

Console.WriteLine($"gradual-rate: loss {classifier.Training!.After!["loss"]:0.000}; with flat-lora: {flat.Training!.After!["loss"]:0.000}");
Directory.Delete(run.Output, recursive: true);
Directory.Delete(both.Output, recursive: true);
