using Engine.Common;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Federated;
using Engine.Training.Metrics;

namespace Engine.Training.Configuration;

/// <summary>Checks that no single key can make, and the defaults that depend on other keys.</summary>
internal static class RunRules
{
    /// <param name="file">Where the keys stand; null for a run that was made in code.</param>
    /// <exception cref="ConfigurationException">A value that a key does not take, keys that contradict each other, or one that would not be
    /// read.</exception>
    public static RunConfiguration Resolve(RunConfiguration run, MapNode? file)
    {
        KeyBounds.Check(run);
        run = WithColumns(WithFormat(WithFiles(RunPaths.WithFullPaths(run), file), file));
        CheckColumns(run, file);
        CheckCausal(run, file);
        CheckEvaluation(run, file);
        CheckLoss(run, file);
        CheckFromScratch(run, file);
        CheckDtype(run, file);
        CheckProducts(run, file);
        CheckLength(run, file);
        CheckFederated(run, file);
        CheckTasks(run, file);
        CheckSamples(run, file);
        SentenceRules.Check(run, file);
        string best = BestMetric(run, file);
        return run with
        {
            // Prebatched data is one epoch; saying so keeps the written configuration readable.
            NumTrainEpochs = run.Data.IsPrebatched ? 1 : run.NumTrainEpochs,
            Method = MethodOf(run),

            // Rows that run alone gain nothing from neighbours of their length, and whose batch a row is in is not to depend on its length.
            GroupByLength = run.GroupByLength && PrivacyLedger.LaLoraOf(run) is not { ClipNorm: > 0 },
            EvalStrategy = run.EvalStrategy ?? (run.Data.HeldOut is null ? IntervalStrategy.No : IntervalStrategy.Epoch),
            MetricForBestModel = best,
            Places = file is null ? run.Places : new RunFilePlaces(file),
            GreaterIsBetter = run.GreaterIsBetter ?? TaskMetrics.GreaterIsBetter(best),
        };
    }

    /// <summary>The same for a run of which only the model, the task and the validation data are looked at.</summary>
    /// <exception cref="ConfigurationException">A value that a key does not take, or columns that the data cannot have.</exception>
    public static RunConfiguration ResolveEvaluation(RunConfiguration run)
    {
        KeyBounds.Check(run);
        run = WithColumns(WithFiles(RunPaths.WithFullPaths(run), file: null));
        CheckColumns(run, file: null);
        return run;
    }

    /// <summary>Folders and patterns of data files as the files that they mean.</summary>
    private static RunConfiguration WithFiles(RunConfiguration run, MapNode? file)
    {
        DataFiles Find(string key, DataFiles files)
        {
            try
            {
                return DataFileSearch.Find(files, run.Data.Format);
            }
            catch (DataFileException error)
            {
                throw new ConfigurationException($"{At(file, key)}: {error.Message}", error);
            }
        }

        return run with
        {
            Data = run.Data with
            {
                Train = Find("data.train", run.Data.Train),
                Validation = run.Data.Validation is { } validation ? Find("data.validation", validation) : null,
            },
        };
    }

    /// <summary>
    /// Where the run file does not say how the files are written, the ending of each does; the format is filled in where all have one.
    /// </summary>
    private static RunConfiguration WithFormat(RunConfiguration run, MapNode? file)
    {
        DataContents read = (run.Task.ReadsRecords() ? DataContents.Rows : ContentsOf(run.Task)) | DataContents.Batches;
        foreach ((string key, DataFiles? files) in new[] { ("data.train", run.Data.Train), ("data.validation", run.Data.Validation) })
        {
            string? unclear = run.Data.Format is not null
                ? null
                : files?.Paths.FirstOrDefault(path => DataFormats.OfEnding(path) is not { } format || !format.HoldsAny(read));
            RefuseIf(unclear is not null && !Path.Exists(unclear) && DataFormats.OfEnding(unclear) is null, file, key,
                $"there is no file '{unclear}'.");
            RefuseIf(
                unclear is not null, file, key,
                $"the ending of '{Path.GetFileName(unclear)}' does not say how "
                    + $"{(run.Task == TaskKind.CausalLanguageModel ? "a causal-lm's data" : "it")} is written; "
                + $"set {Setting.Of("data.format")} to {DataFormats.Names(DataFormats.Holding(read), "or")}.");
        }

        return run.Data.Formats is [var only] ? run with { Data = run.Data with { Format = only } } : run;
    }

    /// <summary>The columns of words and their labels, or of questions, where the run file does not name them.</summary>
    private static RunConfiguration WithColumns(RunConfiguration run)
    {
        DataConfiguration data = run.Data;
        return run.Task switch
        {
            TaskKind.TokenClassification when !data.IsPrebatched =>
                run with { Data = data with { Text = data.Text ?? "tokens", Label = data.Label ?? "tags" } },
            TaskKind.MultipleChoice when !data.IsPrebatched => run with
            {
                Data = data with
                {
                    Text = data.Text ?? "question",
                    TextPair = data.TextPair ?? "choices",
                    Label = data.Label ?? "label",
                },
            },
            TaskKind.QuestionAnswering when !data.IsPrebatched => run with
            {
                Data = data with
                {
                    Text = data.Text ?? "question",
                    TextPair = data.TextPair ?? "context",
                    Label = data.Label ?? "answers",
                },
            },
            _ => run,
        };
    }

    /// <summary>What the data of a task may be, prebatched data apart.</summary>
    private static DataContents ContentsOf(TaskKind task) =>
        task == TaskKind.CausalLanguageModel ? DataContents.Records | DataContents.Texts
        : task.ReadsRecords() ? DataContents.Records
        : DataContents.Rows | DataContents.Texts;

    private static void CheckCausal(RunConfiguration run, MapNode? file)
    {
        IReadOnlyList<DataFormat> formats = run.Data.Formats;
        bool isCausal = run.Task == TaskKind.CausalLanguageModel;
        bool hasRecords = isCausal && formats.Any(format => format.HoldsAny(DataContents.Records));
        bool isPrebatched = run.Data.IsPrebatched;
        DataContents read = ContentsOf(run.Task) | DataContents.Batches;
        RefuseIf(
            isPrebatched && (formats.Count > 1 || run.Data.Train.Paths.Count > 1), file, "data.train",
            "prebatched data is one file; give that file alone.");
        RefuseIf(
            isCausal && formats.Any(format => !format.HoldsAny(read)), file, "data.format",
            $"tables are not read for causal-lm; expected {DataFormats.Names(DataFormats.Holding(read), "or")}.");
        string records = DataFormats.Names(DataFormats.Holding(DataContents.Records), "or");
        RefuseIf(run.Data.Kind is not null && !hasRecords, file, "data.kind", $"it is read for {Setting.Of("task", "causal-lm")} with "
            + $"{records} data "
            + "only; leave it out.");
        RefuseIf(run.ChatTemplate is not null && !hasRecords, file, "chat_template", $"it is read for {Setting.Of("task", "causal-lm")} "
            + $"with {records} data only; leave it out.");
        RefuseIf(run.Packing && (!isCausal || isPrebatched), file, "packing", $"it is for {Setting.Of("task", "causal-lm")} with texts or "
            + $"{records} "
            + "data; leave it out.");
        RefuseIf(!run.CompletionOnlyLoss && (!isCausal || isPrebatched), file, "completion_only_loss", "it is for "
            + $"{Setting.Of("task", "causal-lm")} with {records} data; leave it out.");
    }

    private static void CheckColumns(RunConfiguration run, MapNode? file)
    {
        DataConfiguration data = run.Data;
        IReadOnlyList<DataFormat> formats = data.Formats;
        bool isDelimited = formats.Any(format => format.IsDelimited);
        bool isCausal = run.Task == TaskKind.CausalLanguageModel;
        bool hasColumns = !isCausal && formats.Any(format => format.HoldsAny(DataContents.Rows)), isPrebatched = data.IsPrebatched;
        bool isMasked = run.Task == TaskKind.MaskedLanguageModel;
        DataFormat? named = formats.FirstOrDefault(format => format.HoldsAny(DataContents.Rows) && !format.HasColumnNumbers);
        DataFormat? texts = formats.FirstOrDefault(format => format.HoldsAny(DataContents.Texts));
        string delimited = DataFormats.Names(DataFormats.All.Where(format => format.IsDelimited), "and");

        RefuseIf(
            run.Task.ReadsRecords() && formats.Any(format => !format.HoldsAny(DataContents.Records | DataContents.Batches)), file,
            "data.format", $"{run.Task.Name()} reads lists of "
                + $"{(run.Task.ReadsLists() ? "labels" : run.Task == TaskKind.MultipleChoice ? "choices" : "answers")}, which only "
                + $"{DataFormats.Names(DataFormats.Holding(DataContents.Records), "and")} "
                + "files hold.");
        RefuseIf(
            run.Task == TaskKind.TokenClassification && data.TextPair is not null, file, "data.text_pair",
            "token-classification reads single texts; leave it out.");
        var unset = new DataConfiguration { Train = data.Train };
        foreach ((string key, bool isSet) in ((string, bool)[])
            [
                ("data.doc_stride", data.DocStride != unset.DocStride),
                ("data.max_answer_length", data.MaxAnswerLength != unset.MaxAnswerLength), ("data.unanswerable", data.Unanswerable),
            ])
        {
            RefuseIf(isSet && run.Task != TaskKind.QuestionAnswering, file, key, $"it is for {Setting.Of("task", "question-answering")}; "
                + "leave it out.");
        }

        SentenceRules.CheckColumns(run, file);
        RefuseIf(
            run.Task == TaskKind.MultipleChoice && isPrebatched, file, "data.format",
            "prebatched data has a text a row, and multiple-choice several; give the texts.");
        RefuseIf(data.Header is not null && !isDelimited, file, "data.header", $"only {delimited} have a header; leave it out.");
        RefuseIf(data.Delimiter is not null && !isDelimited, file, "data.delimiter", $"only {delimited} have something between "
            + "columns; leave it out.");
        (string Key, ColumnReference? Column)[] columns =
            [("data.text", data.Text), ("data.text_pair", data.TextPair), ("data.label", data.Label)];
        foreach ((string key, ColumnReference? column) in columns)
        {
            RefuseIf(
                column is not null && isCausal, file, key,
                $"causal-lm knows its columns by their names (see {Setting.Of("data.kind")}); leave it out.");
            RefuseIf(column is not null && !hasColumns, file, key, "this format has no columns; leave it out.");
            RefuseIf(column is { Name: null } && named is not null, file, key, $"{named} has no column numbers; give the column's name.");
            RefuseIf(
                column is { Name: not null } && data.Header == false, file, key,
                $"with {Setting.Of("header", "false")} columns have no names; give the number, counted from 0.");
        }

        RefuseIf(hasColumns && data.Text is null, file, "data", MissingColumn("data.text", "text"));
        RefuseIf(
            hasColumns && !isMasked && data.Label is null && run.Task != TaskKind.SentenceSimilarity, file, "data",
            MissingColumn("data.label", "label"));
        RefuseIf(isMasked && data.Label is not null, file, "data.label", "masked-lm makes its own labels; leave it out.");
        RefuseIf(isMasked && data.TextPair is not null, file, "data.text_pair", "masked-lm reads single texts; leave it out.");
        RefuseIf(
            !isMasked && !isCausal && texts is not null, file, "data.format",
            $"{texts} ({texts?.Endings[0]}) has no labels; it is read for {Setting.Of("task", "masked-lm")} or causal-lm only. A table "
                + $"with that ending needs {Setting.Of("data.format")}: "
                + $"{DataFormats.Names(DataFormats.All.Where(format => format.IsDelimited), "or")}.");
        RefuseIf(
            !run.Task.HasClasses() && data.Labels is not null, file, "data.labels",
            $"{run.Task.Name()} has no named classes; leave it out.");
        RefuseIf(
            data.HeldOut is null && data.ValidationLimit is not null, file, "data.validation_limit",
            $"there is no {Setting.Of("data.validation")} to limit.");
        RefuseIf(
            data.Validation is not null && data.ValidationSplit is not null, file, "data.validation_split",
            $"{Setting.Of("data.validation")} names the data to evaluate on, so that none is held out of {Setting.Of("data.train")}; leave "
                + "out one of the two.");
        RefuseIf(
            isPrebatched && data.ValidationSplit is not null, file, "data.validation_split",
            "prebatched data is trained on, not evaluated; leave it out.");
        RefuseIf(
            isPrebatched && run.ResizeTokenEmbeddings, file, "resize_token_embeddings",
            "prebatched data comes without the tokenizer whose tokens it would count; leave it out.");
        RefuseIf(
            isPrebatched && data.Validation is not null, file, "data.validation",
            "prebatched data is trained on, not evaluated; leave it out.");
        RefuseIf(
            isPrebatched && (data.Limit ?? data.ValidationLimit) is not null, file,
            data.Limit is null ? "data.validation_limit" : "data.limit",
            $"prebatched files are read whole; leave it out, or set {Setting.Of("max_steps")}.");
    }

    private static void CheckEvaluation(RunConfiguration run, MapNode? file)
    {
        bool evaluates = run.Data.HeldOut is not null && run.EvalStrategy != IntervalStrategy.No;
        RefuseIf(
            run.EvalStrategy is IntervalStrategy.Steps or IntervalStrategy.Epoch && run.Data.HeldOut is null, file, "eval_strategy",
            $"there is no {Setting.Of("data.validation")} to evaluate on, and no {Setting.Of("data.validation_split")}.");
        RefuseIf(
            run.EvalStrategy == IntervalStrategy.Steps && run.EvalSteps is null, file, "eval_strategy",
            $"{Setting.Of("eval_steps")} says how many steps lie between evaluations; it is missing.");
        RefuseIf(
            run.EvalSteps is not null && run.EvalStrategy != IntervalStrategy.Steps, file, "eval_steps",
            $"it is read with {Setting.Of("eval_strategy", "steps")} only.");
        RefuseIf(
            run.LoadBestModelAtEnd && !evaluates, file, "load_best_model_at_end",
            $"the best model is found by evaluating: set {Setting.Of("data.validation")} and {Setting.Of("eval_strategy")}, or "
                + $"{Setting.Of("data.validation_split")}.");
        RefuseIf(
            run.EarlyStoppingPatience is not null && !evaluates, file, "early_stopping_patience",
            $"early stopping goes by evaluations: set {Setting.Of("data.validation")} and {Setting.Of("eval_strategy")}, or "
                + $"{Setting.Of("data.validation_split")}.");
    }

    private static void CheckLoss(RunConfiguration run, MapNode? file)
    {
        RefuseIf(
            run.ClassWeights is not null && run.Task != TaskKind.SequenceClassification, file, "class_weights",
            "only sequence-classification has classes; leave it out.");
        RefuseIf(
            run.ClassWeights is { Values: null } && run.Data.IsPrebatched, file, "class_weights",
            "prebatched data is not read beforehand, so that its classes cannot be counted; give the weights as a list.");
        RefuseIf(
            run.LabelSmoothingFactor > 0
                && run.Task is TaskKind.Regression or TaskKind.MultiLabelClassification or TaskKind.QuestionAnswering,
            file, "label_smoothing_factor", run.Task == TaskKind.Regression
                ? "regression predicts numbers, and only labels are smoothed; leave it out."
                : run.Task == TaskKind.QuestionAnswering ? "places in a text are not smoothed, only classes are; leave it out."
                : "it spreads a part of one label over the others, and here each class is by itself; leave it out.");
    }

    /// <summary>
    /// The method where there is one, checked for what it takes and for others that it runs together with; a list of one is that one.
    /// </summary>
    private static Method? MethodOf(RunConfiguration run)
    {
        run.Method?.CreatePlugIn();
        return Together.Of(run.Method) switch
        {
            [] or [Plain] => null,
            [var single] => single,
            _ => run.Method,
        };
    }

    private static void CheckFromScratch(RunConfiguration run, MapNode? file) => RefuseIf(
        run.FromScratch && run.Adapter is not null, file, "from_scratch",
        "an adapter adapts what a model has learned, and random weights have learned nothing; "
            + $"leave out the {Setting.Section("adapter")} to train every parameter, or {Setting.Of("from_scratch")}.");

    private static void CheckDtype(RunConfiguration run, MapNode? file) => RefuseIf(
        run.Adapter is null && run.Dtype is (WeightType.BFloat16 or WeightType.Float16), file, "dtype",
        "without an adapter every parameter is trained, and trained parameters are float32; leave it out, or add an "
            + $"{Setting.Section("adapter")}.");

    private static void CheckProducts(RunConfiguration run, MapNode? file)
    {
        RefuseIf(
            run.Bf16 && run.Fp16, file, "fp16",
            $"products are in bfloat16 ({Setting.Of("bf16")}) or in float16 ({Setting.Of("fp16")}), not in both.");
        RefuseIf(
            run.ProductType != ElementType.Float32 && run.Adapter is null, file, run.Bf16 ? "bf16" : "fp16",
            "without an adapter every matrix is trained and float32, and so are its products; leave it out, or add an "
                + $"{Setting.Section("adapter")}.");
        RefuseIf(
            run.Tf32 && run.Products == ProductLibrary.Own, file, "tf32",
            $"cublasLt computes in TF32, and {Setting.Of("products", "own")} leaves products to Engine's kernels; leave out one of the "
                + "two.");
    }

    private static void CheckLength(RunConfiguration run, MapNode? file)
    {
        RefuseIf(run.MaxSteps == 0, file, "max_steps", "0 steps train nothing; expected at least 1, or -1 for "
            + $"{Setting.Of("num_train_epochs")}.");
        RefuseIf(
            run.Data.IsPrebatched && run.MaxSteps < 0 && run.GivenEpochs is not (null or 1),
            file, "num_train_epochs", $"prebatched data is used once, in its order; leave it out or set {Setting.Of("max_steps")}.");
        RefuseIf(
            run.LrSchedulerType == Optim.Schedules.ScheduleKind.Polynomial && (run.LrSchedulerKwargs ?? new()).LrEnd >= run.LearningRate,
            file, "lr_scheduler_type",
            $"polynomial ends at {Setting.Of("lr_scheduler_kwargs.lr_end")} (1e-7 unless given), which must be below "
                + $"{Setting.Of("learning_rate")}.");
    }

    private static void CheckFederated(RunConfiguration run, MapNode? file)
    {
        if (run.Federated is not { } federated)
        {
            return;
        }

        RefuseIf(run.Adapter is null, file, "federated", $"what clients send is an adapter; add an {Setting.Section("adapter")}.");
        RefuseIf(run.Data.IsPrebatched, file, "federated", "prebatched data cannot be dealt out to clients; give the texts.");
        RefuseIf(
            federated.Split == ClientSplitKind.Label && run.Task != TaskKind.SequenceClassification, file, "federated.split",
            "only sequence-classification has classes to divide by; choose row or file.");
        RefuseIf(
            federated.Split == ClientSplitKind.File && run.Task.IsLanguageModel(), file, "federated.split",
            "the rows of a language model are not those of its files; choose row.");
        RefuseIf(
            federated.Split == ClientSplitKind.File && run.Data.Train.Paths.Count != federated.Clients, file, "federated.clients",
            $"{Setting.Of("split", "file")} makes a client of each file, and {Setting.Of("data.train")} has {run.Data.Train.Paths.Count}; "
                + $"expected that number, not {federated.Clients}.");
    }

    /// <summary>Keys that say what samples count for in a step, where each counts alike.</summary>
    private static void CheckSamples(RunConfiguration run, MapNode? file)
    {
        CheckSgd(run, file);
        if (PrivacyLedger.LaLoraOf(run) is not { ClipNorm: > 0 } method)
        {
            return;
        }

        RefuseIf(
            run.Tasks is not null, file, "tasks",
            $"method {method.Name} counts what its steps tell of rows that all of them are drawn from; leave out one of the two.");
        RefuseIf(
            run.ClassWeights is not null, file, "class_weights",
            $"method {method.Name} clips the gradient of each row by itself, so that no row counts for more than another; leave it out.");
        RefuseIf(
            run.LossAverage != LossAverage.Tokens, file, "loss_average",
            $"method {method.Name} takes the mean over a step's rows, of each row's own loss; leave it out.");
        RefuseIf(
            run.GroupByLength && file?.Find("group_by_length") is not null, file, "group_by_length",
            $"method {method.Name} shuffles rows whatever their lengths, since its epsilon rests on that; leave it out.");
    }

    /// <summary>Settings of AdamW in a run whose method takes plain gradient steps.</summary>
    private static void CheckSgd(RunConfiguration run, MapNode? file)
    {
        if (PrivacyLedger.LaLoraOf(run) is not { Optimizer: StepOptimizer.Sgd })
        {
            return;
        }

        var unset = new AdamWOptions();
        foreach ((string key, bool isSet) in ((string, bool)[])
            [
                ("adam_beta1", run.AdamBeta1 != unset.Beta1), ("adam_beta2", run.AdamBeta2 != unset.Beta2),
                ("adam_epsilon", run.AdamEpsilon != unset.Epsilon),
            ])
        {
            RefuseIf(isSet, file, key, "it is AdamW's, and the method's optimizer is sgd; leave it out.");
        }
    }

    private static void CheckTasks(RunConfiguration run, MapNode? file)
    {
        if (run.Tasks is null)
        {
            return;
        }

        RefuseIf(run.Task != TaskKind.SequenceClassification, file, "tasks", "only sequence-classification has classes; leave it out.");
        RefuseIf(run.Federated is not null, file, "tasks", "a federated run has rounds, not tasks; leave out one of the two.");
        RefuseIf(
            run.Data.IsPrebatched, file, "tasks", "prebatched data cannot be dealt out to tasks; give the texts.");
        RefuseIf(
            run.Data.HeldOut is null, file, "tasks",
            $"each task ends with an evaluation of all classes so far: set {Setting.Of("data.validation")}, or "
                + $"{Setting.Of("data.validation_split")}.");
        RefuseIf(
            run.LoadBestModelAtEnd, file, "load_best_model_at_end",
            "evaluations of a run of tasks are over more classes each time, so that none is the best; leave it out.");
        RefuseIf(
            run.EarlyStoppingPatience is not null, file, "early_stopping_patience",
            "evaluations of a run of tasks are over more classes each time, and every task takes its steps; leave it out.");
        RefuseIf(
            run.LabelSmoothingFactor > 0, file, "label_smoothing_factor",
            "it spreads a part of each label over all classes, and a task's loss knows its own alone; leave it out.");
    }

    private static string BestMetric(RunConfiguration run, MapNode? file)
    {
        if (run.MetricForBestModel is not string given)
        {
            return TaskMetrics.DefaultBest(run.Task, run.Data.Label is not null);
        }

        // Transformers takes both forms.
        string metric = given.StartsWith("eval_", StringComparison.Ordinal) ? given["eval_".Length..] : given;
        IReadOnlyList<string> known = TaskMetrics.Names(run.Task, hasScores: run.Data.Label is not null);
        return known.Contains(metric)
            ? metric
            : throw new ConfigurationException(
                $"{At(file, "metric_for_best_model")} is '{given}'; {NearestName.Hint(metric, [.. known])}.");
    }

    internal static void RefuseIf(bool wrong, MapNode? file, string key, string problem)
    {
        if (wrong)
        {
            throw new ConfigurationException($"{At(file, key)}: {problem}");
        }
    }

    internal static string MissingColumn(string key, string what) =>
        $"{Setting.Noun(key)} is missing; it names the column of the {what}.";

    private static string At(MapNode? file, string key) => file is null ? $"{Setting.Of(key)}" : file.Where(key);
}
